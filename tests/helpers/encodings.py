"""Encodings by their usual names."""

ENCODINGS = ["utf-8", "utf-16", "utf-16-le", "utf-32", "gb18030", "shift_jis", "latin-1", "utf-8-sig", "utf-7"]
