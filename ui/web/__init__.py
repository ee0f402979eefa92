"""What the workbench, the page that draws itself, asks this server for: addresses and frames."""
