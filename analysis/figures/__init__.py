"""Results as figures: functions from one result to one ``matplotlib.figure.Figure``."""
