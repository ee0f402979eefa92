"""Predictions beside annotations, and beside other predictions."""
