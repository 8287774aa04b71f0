"""Files of words and labels."""

import pytest

from recurra.errors import DataError
from recurra.tasks.tagging.conll import read_conll, read_lines


def test_conll_files(tmp_path):
    path = tmp_path / "a.conll"
    path.write_text("-DOCSTART- O\n\nJohn NNP B-PER\nSmith NNP I-PER\n\n\nhere RB O\n", "utf-8")
    X, y = read_conll(path)
    assert X == [["John", "Smith"], ["here"]]
    assert y == [["B-PER", "I-PER"], ["O"]]
    path.write_text("John\nSmith\n\nhere", "utf-8")
    assert read_conll([path, path]) == ([["John", "Smith"], ["here"]] * 2, None)
    path.write_bytes("a\u2028b X\r\n10\u00a0000\tY\n\u00a0 Z\n".encode())
    assert read_conll(path) == ([["a\u2028b", "10\u00a0000", "\u00a0"]], [["X", "Y", "Z"]])
    path.write_text("John PER\nSmith\n", "utf-8")
    with pytest.raises(DataError, match=r"a.conll, line 2: 1 columns; expected 2, as in the first line of words"):
        read_conll(path)
    path.write_text("\n\n", "utf-8")
    with pytest.raises(DataError, match="holds no words; expected a word a line"):
        read_conll(path)
    with pytest.raises(DataError, match="there is no file"):
        read_conll(tmp_path / "none")


COMMENTED = """# newdoc
# sent_id = 1
Ada B-PER
# O
#1 O

# doc
# text = here
here O
#hashtag B-TAG

#global.columns = ID FORM
#hashtag B-TAG
now O

# O
first O
"""


def test_comments_before_a_sentence_are_no_words(tmp_path):
    (tmp_path / "a.conll").write_text(COMMENTED)
    X, y, layout = read_lines(tmp_path / "a.conll")
    assert X == [["Ada", "#", "#1"], ["here", "#hashtag"], ["#hashtag", "now"], ["#", "first"]]
    assert [line[:3] for line in layout if line] == ["# n", "# s", "# d", "# t", "#gl"]
    words = (f"{word} {label}" for row in zip(X, y, strict=True) for word, label in zip(*row, strict=True))
    assert "".join(f"{next(words) if line is None else line}\n" for line in layout) == COMMENTED


def test_a_comment_in_a_file_of_words_alone_is_one_too(tmp_path):
    (tmp_path / "a.conll").write_text("# sent_id = 1\n#\nAda\n\n#tag\nb\n")
    assert read_conll(tmp_path / "a.conll") == ([["#", "Ada"], ["#tag", "b"]], None)
    (tmp_path / "a.conll").write_text("# one\n# two\n")
    with pytest.raises(DataError, match="holds no words"):
        read_conll(tmp_path / "a.conll")


@pytest.mark.parametrize("named", ["Sentence: 2", ""], ids=["in each row", "in the first row"])
def test_a_table_of_words_and_labels(tmp_path, named):
    first = named and "Sentence: 1"
    rows = ["Sentence #,Word,POS,Tag", "Sentence: 1,Ann,NNP,B-per", f'{first},",",",",O', f"{first},ran,VBD,O"]
    rows += ["Sentence: 2,Go,VB,O", f"{named},on,RP,O"]
    path = tmp_path / "a.csv"
    path.write_text("\n".join(rows))
    assert read_conll(path) == ([["Ann", ",", "ran"], ["Go", "on"]], [["B-per", "O", "O"], ["O", "O"]])
    assert read_lines(path).layout == [None, None, None, "", None, None]


def test_a_table_without_labels_or_sentences_is_one_sentence(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("token\nAnn\nran\n")
    assert read_conll(path) == ([["Ann", "ran"]], None)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a,tag\nx,O\n", r"a.csv has no column of words \(word, token, words, tokens\); its columns: a, tag"),
        ("word,tag\nNew York,O\n", r"a.csv, line 2: 'New York'; expected one word, and one label"),
        ("word,tag\nx,\n", r"a.csv, line 2: ''; expected one word"),
    ],
)
def test_tables_that_cannot_be(tmp_path, content, words):
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(DataError, match=words):
        read_conll(tmp_path / "a.csv")
