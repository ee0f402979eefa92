"""What the page does for a visitor, as plain functions; it builds no components."""
