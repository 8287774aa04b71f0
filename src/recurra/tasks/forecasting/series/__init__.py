"""Series as data: frames in and out, stamps and frequencies, many series on a grid, and the windows that a network reads."""
