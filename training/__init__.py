"""Train UniFormer segmentation models on folders of pictures and label maps.

``python -m training --help``. Uses :mod:`uniformer`; nothing uses this package.
"""
