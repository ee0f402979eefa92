"""The ground all analyses stand on: one forward pass, its grid, regions, scores."""
