"""How likely each character of a sample was: as rows for a program, as colours for a person."""

import dataclasses

# From this probability upwards, a character is drawn in this style: the darker, the less it was expected.
STYLES = {0.5: "", 0.2: "yellow", 0.05: "bright_red", 0.0: "bold white on red"}


@dataclasses.dataclass(frozen=True)
class Span:
    """A stretch of text that became certain at once, and the probability of the tokens that made it."""

    text: str
    probability: float
    tokens: tuple[int, ...]


def spans(sample, vocabulary) -> list[Span]:
    """The new text of a sample as spans: characters, words or pieces of words, as the vocabulary has them.

    A character that takes several tokens (bytes) is one span with the product of their probabilities.
    """
    decoder, result, tokens, probability = vocabulary.decoder(), [], (), 1.0
    left = len(sample.continuation)
    for token, chance in zip(sample.tokens, sample.probabilities, strict=True):
        # Of the last token, only what is in the text: the length or a stop string may have cut it.
        text = decoder.push(token)[:left]
        left -= len(text)
        tokens, probability = (*tokens, token), probability * chance
        if text or token == vocabulary.eod:
            result.append(Span(text, probability, tokens))
            tokens, probability = (), 1.0
    if tokens:
        result.append(Span(decoder.flush()[:left], probability, tokens))
    return result


def coloured(sample, vocabulary):
    """A sample as rich text, the prompt dim and each span in the style of its probability."""
    from rich.text import Text

    text = Text(end="").append(sample.text[: len(sample.text) - len(sample.continuation)], style="dim")
    for span in spans(sample, vocabulary):
        text.append(span.text, style=style(span.probability))
    return text


def style(probability: float) -> str:
    """The rich style of a probability, from STYLES."""
    return next(name for least, name in STYLES.items() if probability >= least)


def legend():
    """What the colours mean, as one line of rich text."""
    from rich.text import Text

    text, above = Text("probability: ", end=""), None
    for least, name in STYLES.items():
        text.append(f"{least:g} or more" if above is None else f"{least:g} to {above:g}", style=name)
        text.append("  ")
        above = least
    return text
