"""Corpora known by name: two that every Python installation holds, and some that are fetched when asked for."""

import os
import sysconfig
from pathlib import Path

from recurra.config import nearest
from recurra.data.documents import Documents, file_document, text_document
from recurra.data.fetch import CorpusInfo, fetch
from recurra.errors import DataError, RunError

_RAW = "https://raw.githubusercontent.com"
_ALL = (
    CorpusInfo("manual", "the Python language reference, from pydoc's topics: prose and examples"),
    CorpusInfo("stdlib", "the source code of Python's standard library, a document a module"),
    CorpusInfo(
        "tinyshakespeare",
        "40,000 lines of Shakespeare's plays",
        1_115_394,
        "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
        f"{_RAW}/karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data/tinyshakespeare/input.txt",
        "tinyshakespeare/input.txt",
    ),
    CorpusInfo(
        "war-and-peace",
        "Tolstoy's novel in English",
        3_258_250,
        "52adf13b4aeeb5a84199b1ad2ef4781966839d4f9e707d552b42e3422cd17581",
        f"{_RAW}/ThingsOfBeam/Corpus/9aad26592097f5ac852cb11b60bf250f01a39fca/warpeace_input.txt",
        "war_and_peace/warpeace_input.txt",
        "0139dcd32c37853541e8710281c32d823bb8ea86a86578916305bad06e3da0ea",
    ),
    CorpusInfo(
        "first-names",
        "32,033 first names, one a line: for inventing new ones",
        228_145,
        "0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d",
        f"{_RAW}/karpathy/makemore/988aa59e4d8fefa526d06f3b453ad116258398d4/names.txt",
        "baby_names/names.txt",
    ),
    CorpusInfo(
        "wikitext2-valid",
        "the validation part of WikiText-2, cut into words",
        1_121_681,
        "f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8",
        f"{_RAW}/pytorch/examples/77f55b912142e11fcfdf5b530231fb9c52f181e8"
        "/word_language_model/data/wikitext-2/valid.txt",
        "wikitext2/valid.txt",
    ),
)
CORPORA = {info.name: info for info in _ALL}


def corpora() -> list[CorpusInfo]:
    """All corpora known by name."""
    return list(_ALL)


def corpus_documents(name: str) -> Documents:
    """The documents of a corpus, fetched where it is not here. RunError if that fails."""
    if name == "manual":
        return _manual()
    if name == "stdlib":
        return _stdlib()
    return Documents([file_document(corpus_path(name))])


def corpus_text(name: str) -> str:
    """The whole text of a corpus, its documents joined by line breaks."""
    return "\n".join(document.text() for document in corpus_documents(name))


def corpus_path(name: str) -> Path:
    """The file of a corpus, fetched where it is not here.

    DataError for an unknown name, and for an embedded corpus, which is no file; RunError if fetching fails.
    """
    if name not in CORPORA:
        raise DataError(f"there is no corpus `{name}`; {nearest(name, CORPORA)}")
    if CORPORA[name].embedded:
        raise DataError(f"the corpus `{name}` is made from this Python and is no file; take corpus_text({name!r})")
    return fetch(CORPORA[name])


def _manual() -> Documents:
    try:
        from pydoc_data.topics import topics
    except ImportError:
        raise RunError("this Python came without pydoc_data; take the corpus `stdlib`, or a text of yours") from None
    # One document: the topics belong together, and training need not reset its state.
    text = "\n\n\n".join(topics[key].strip() for key in sorted(topics)) + "\n"
    return Documents([text_document(text, "manual")])


def _stdlib() -> Documents:
    root = sysconfig.get_path("stdlib")
    apart = {"test", "tests", "idle_test", "site-packages", "dist-packages", "lib2to3", "pydoc_data", "__pycache__"}
    files = []
    for place, folders, names in os.walk(root):
        folders[:] = sorted(set(folders) - apart)
        files += [Path(place, name) for name in sorted(names) if name.endswith(".py")]
    files = [file for file in files if file.is_file() and file.stat().st_size]
    if not files:
        raise RunError(f"this Python came without its library's source (none in {root}); take the corpus `manual`")
    return Documents([file_document(file, invalid="replace") for file in files])
