"""Texts → ids on disk → batches.

    corpus = build_corpus("book.txt", folder)                    # ids in a memory-mapped file
    streams = Streams(corpus.train, batch_size=32, window=128)
    inputs, targets, resets = streams.batch(0)                   # (32, 128), (32, 128), None

Names are loaded when first used: the command line reads DataConfig without waiting for PyTorch.
"""

from recurra import lazy

__all__, __getattr__, __dir__ = lazy.names(
    __name__,
    {
        "config": "DataConfig",
        "documents": "Document Documents text_document",
        "files": "read_documents",
        "corpus": "Corpus as_items build_corpus gather",
        "fetch": "CorpusInfo",
        "corpora": "corpus_path corpus_text",
        "streams": "Batch Evaluation Streams",
        "windows": "Windows",
        "batches": "Batches pad",
    },
)
