"""Columns of texts and of what is known of them that are not called text, label and target."""

import pytest

from recurra.tasks.sequences import roles

LABELLED = "Review;Mood\none;a\ntwo;b\nthree;a\nfour;b\n"


@pytest.mark.parametrize(
    ("content", "given", "want", "said"),
    [
        (LABELLED, (None, None), ("Review", "Mood"), {"text": "Review", "label": "Mood"}),
        (LABELLED.replace("Review", "text"), (None, None), ("text", "Mood"), {"label": "Mood"}),
        (LABELLED.replace("Mood", "label"), (None, None), ("Review", "label"), {"text": "Review"}),
        (LABELLED, ("Review", None), ("Review", "Mood"), {"label": "Mood"}),
        (LABELLED, ("Rewiew", None), ("Rewiew", "label"), {}),  # a slip is for the reader to name
        (LABELLED, ("Review", "Mood"), ("Review", "Mood"), {}),
        ("text,label\none,a\n", (None, None), ("text", "label"), {}),
        ("words\none\n", (None, None), ("words", "label"), {"text": "words"}),  # to be labelled
        ("a,b\n1,1\n1,1\n", (None, None), ("text", "label"), {}),  # either may be
        ("a,b\n1,2\n3,4\n", (None, None), ("text", "label"), {}),
        # Texts come again too, and there are more of them.
        ("a,b\n" + 6 * "x y,1\nx z,1\nu v,2\nv u,2\n", (None, None), ("a", "b"), {"text": "a", "label": "b"}),
        ("a,b\n" + 6 * "x,1\ny,2\nz,2\n", (None, None), ("text", "label"), {}),
        ("text,note\none,x\ntwo,y\n", (None, None), ("text", "label"), {}),  # a note is no label
        ("a,b,c\nx,y,z\n", (None, None), ("text", "label"), {}),
        ("a,a\nx,y\nz,y\n", (None, None), ("text", "label"), {}),
        ("a,b\n", (None, None), ("text", "label"), {}),
    ],
)
def test_of_two_columns_the_texts_and_the_labels_are_found(tmp_path, content, given, want, said):
    path = tmp_path / "a.csv"
    path.write_text(content)
    assert roles.names([path], given, ("text", "label"), roles.labels) == (want, said)


def test_numbers_are_found_as_people_write_them(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('what,cost\n1 room,"100,000 EUR"\n2 rooms,"250,000 EUR"\n')
    assert roles.names([path], (None, None), ("text", "target"), roles.amounts)[0] == ("what", "cost")


def test_a_number_of_the_row_is_no_target(tmp_path):
    path, usual = tmp_path / "a.csv", ("text", "target")
    for rows, want in (
        ("17,one\n18,two\n19,three\n", usual),
        ("1,one\n2,two\n", ("text", "id")),  # of two rows nobody knows
        ("1,one\n2,two\n4,three\n", ("text", "id")),
        ("1.5,one\n2.5,two\n3.5,three\n", ("text", "id")),
    ):
        path.write_text("id,text\n" + rows)
        assert roles.names([path], (None, None), usual, roles.amounts)[0] == want
    # Of two such columns, the other one is the target.
    path.write_text("id,price\n1,10\n2,30\n3,20\n")
    assert roles.names([path], (None, None), usual, roles.amounts)[0] == ("id", "price")


def test_other_sources_have_the_usual_columns(tmp_path):
    (tmp_path / "a.ts").write_text(LABELLED)
    for path in (tmp_path / "a.ts", tmp_path, tmp_path / "none.csv", "-"):
        assert roles.names([path], (None, None), ("text", "label"), roles.labels) == (("text", "label"), {})
    assert roles.names([], (None, None), ("text", "label"), roles.labels) == (("text", "label"), {})


def test_the_beginning_of_a_table_is_enough(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("Review,Mood\n" + "".join(f"text {k},{'ab'[k % 2]}\n" for k in range(10)) + "an unread line\n")
    monkeypatch.setattr(roles, "_LOOKED_AT", 8)
    assert roles.names([path], (None, None), ("text", "label"), roles.labels)[0] == ("Review", "Mood")
    assert roles.names(["none"], ("a", "b"), ("text", "label"), roles.labels) == (("a", "b"), {})


def test_whether_a_table_has_a_column(tmp_path):
    (tmp_path / "a.csv").write_text("a;b\n1;2\n")
    assert roles.has([tmp_path / "a.csv"], "b")
    for paths, column in (
        ([tmp_path / "a.csv"], "c"),
        ([tmp_path / "a.csv"], None),
        ([tmp_path / "no.csv"], "b"),
        (["-"], "b"),
    ):
        assert not roles.has(paths, column)
    assert not roles.has([], "b")
