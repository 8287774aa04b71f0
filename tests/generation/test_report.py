"""The reports beside a sample: each character's probability, and what is copied from the training text."""

from recurra.generation import Sample, report, spans
from recurra.text import TextConfig, build_vocabulary


def sample_of(vocabulary, text, probabilities, prompt="", continuation=None):
    continuation = text if continuation is None else continuation
    tokens = tuple(vocabulary.encode(text).tolist())
    return Sample(prompt + continuation, prompt, continuation, tokens, tuple(probabilities), "length")


def test_spans_of_characters():
    vocabulary = build_vocabulary(["abc"])
    got = spans(sample_of(vocabulary, "cab", [0.5, 0.25, 1.0], prompt="a"), vocabulary)
    assert [(s.text, s.probability) for s in got] == [("c", 0.5), ("a", 0.25), ("b", 1.0)]


def test_spans_of_bytes_are_whole_characters():
    vocabulary = build_vocabulary(["é"], TextConfig(unit="byte"))
    got = spans(sample_of(vocabulary, "aé", [0.5, 0.5, 0.25]), vocabulary)
    assert [(s.text, s.probability, len(s.tokens)) for s in got] == [("a", 0.5, 1), ("é", 0.125, 2)]


def test_spans_end_where_the_text_ends():
    vocabulary = build_vocabulary(["one two"], TextConfig(unit="word"))
    sample = sample_of(vocabulary, "one two", [0.5, 0.5], continuation="one t")
    assert [s.text for s in spans(sample, vocabulary)] == ["one", " t"]


def test_coloured_text_is_the_text():
    vocabulary = build_vocabulary(["abc"])
    sample = sample_of(vocabulary, "cab", [0.9, 0.1, 0.001], prompt="ab")
    text = report.coloured(sample, vocabulary)
    assert text.plain == sample.text == "abcab"
    assert [str(span.style) for span in text.spans] == ["dim", "bright_red", "bold white on red"]
    assert "0.05 to 0.2" in report.legend().plain
