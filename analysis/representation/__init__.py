"""What the maps of a model hold: how alike they are, how redundant, of what rank and frequency."""
