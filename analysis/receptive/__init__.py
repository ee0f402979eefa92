"""Receptive fields, theoretical and effective, and their comparison across networks."""
