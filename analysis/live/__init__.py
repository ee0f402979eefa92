"""The live edition: a folder in which model and page need no server; see :func:`write_folder`."""

from analysis.live.folder import Folder, write_folder

__all__ = ["Folder", "write_folder"]
