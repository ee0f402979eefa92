"""How far and how evenly every block and head reaches, over all queries, beside nulls."""
