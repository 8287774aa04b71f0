"""Small texts for commands."""

TEXT = "the cat sat on the mat, and the dog sat on the cat. " * 60
LINES = "the cat sat on the mat, and the dog sat on the cat.\n" * 60
