"""Rows of attention and terms of convolution: exact, one token or all of them."""
