"""How attention and convolution carry a pixel's value through the stages, and for a class."""
