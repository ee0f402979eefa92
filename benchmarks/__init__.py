"""Programs that measure and print a table. Run all of them with ``make bench``."""
