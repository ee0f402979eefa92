"""The sentences of the tabs, one file per tab."""
