"""Texts → ids on disk → batches.

    corpus = build_corpus("book.txt", folder)                    # ids in a memory-mapped file
    streams = Streams(corpus.train, batch_size=32, window=128)
    inputs, targets, resets = streams.batch(0)                   # (32, 128), (32, 128), None

Names are loaded when first used: the command line reads DataConfig without waiting for PyTorch.
"""

import importlib

_HOMES = {
    "DataConfig": "config",
    "Document": "documents",
    "Documents": "documents",
    "read_documents": "files",
    "text_document": "documents",
    "Corpus": "corpus",
    "build_corpus": "corpus",
    "gather": "corpus",
    "CorpusInfo": "corpora",
    "corpus_path": "corpora",
    "corpus_text": "corpora",
    "Batch": "streams",
    "Evaluation": "streams",
    "Streams": "streams",
    "Windows": "windows",
}

__all__ = [
    "Batch",
    "Corpus",
    "CorpusInfo",
    "DataConfig",
    "Document",
    "Documents",
    "Evaluation",
    "Streams",
    "Windows",
    "build_corpus",
    "corpus_path",
    "corpus_text",
    "gather",
    "read_documents",
    "text_document",
]


def __getattr__(name: str):
    if name in _HOMES:
        return getattr(importlib.import_module(f"recurra.data.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'recurra.data' has no attribute {name!r}")
