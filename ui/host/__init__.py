"""What keeps a server up and its visitors apart: settings, bounds, files, logs."""
