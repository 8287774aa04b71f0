"""`recurra.accelerate` on models that others wrote: same results, and how many times as fast.

    pip install resemblyzer webrtcvad-wheels neuralforecast flair       any of them; what is missing is left out
    python benchmarks/bench_models.py                                   about four minutes on two cores

speaker     resemblyzer's VoiceEncoder, with the weights in its package: three LSTM layers on a minute of sound
forecaster  neuralforecast's LSTM and GRU: fit 40 steps on the airline passengers, then predict
tagger      flair's SequenceTagger, untrained: a bidirectional LSTM over the characters of each word, another over the words

Each is called by its own public interface, so that what surrounds the recurrent layers is in the time too; the model as it
came and an accelerated copy, in turns. Nothing is downloaded. (webrtcvad-wheels is webrtcvad without pkg_resources.)
"""

import contextlib
import copy
import logging
import os
import sys
import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from pairs import geometric_mean, header, in_turns, installed, milliseconds, ratio
from report import Report, arguments

import recurra

Case = tuple[str, object, Callable[[object], np.ndarray]]  # what is done, a fresh model, and doing it with a model


def speaker(quick: bool) -> list[Case]:
    """A minute of noise in syllables: there is no speech to fetch, and the work is the same."""
    from resemblyzer import VoiceEncoder

    seconds = 10 if quick else 60
    random = np.random.default_rng(0)
    beat = np.abs(np.sin(np.arange(16_000 * seconds) * 2 * np.pi * 3 / 16_000))
    wav = (0.1 * beat * random.standard_normal(beat.size)).astype(np.float32)
    return [(f"embed {seconds} s of sound", VoiceEncoder("cpu", verbose=False), lambda m: m.embed_utterance(wav))]


def forecaster(quick: bool) -> list[Case]:
    from neuralforecast import NeuralForecast, models
    from neuralforecast.utils import AirPassengersPanel

    steps = 5 if quick else 40
    quiet = dict(logger=False, enable_progress_bar=False, enable_checkpointing=False, enable_model_summary=False)

    def fit(model) -> np.ndarray:
        torch.manual_seed(0)
        forecast = NeuralForecast([copy.deepcopy(model)], freq="ME")  # a fit continues from where the last one ended
        forecast.fit(AirPassengersPanel)
        return forecast.predict()[type(model).__name__].to_numpy()

    return [
        (
            f"{kind.__name__}: fit {steps} steps, predict",
            kind(h=12, input_size=72, encoder_hidden_size=128, max_steps=steps, accelerator="cpu", **quiet),
            fit,
        )
        for kind in (models.LSTM, models.GRU)
    ]


def tagger(quick: bool) -> list[Case]:
    import flair
    from flair.data import Dictionary, Sentence
    from flair.embeddings import CharacterEmbeddings, OneHotEmbeddings, StackedEmbeddings
    from flair.models import SequenceTagger

    flair.device = torch.device("cpu")
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    words = ["".join(random.choice(list("abcdefghijklmnop"), random.integers(2, 11))) for _ in range(500)]
    texts = [" ".join(random.choice(words, random.integers(3, 40))) for _ in range(32 if quick else 128)]
    vocabulary, characters, tags = Dictionary(), Dictionary(), Dictionary(add_unk=False)
    for dictionary, items in ((vocabulary, words), (characters, "abcdefghijklmnop"), (tags, ["NOUN", "VERB", "X"])):
        for item in items:
            dictionary.add_item(item)
    embeddings = [OneHotEmbeddings(vocabulary, embedding_length=100), CharacterEmbeddings(characters)]
    model = SequenceTagger(StackedEmbeddings(embeddings), tags, tag_type="pos", hidden_size=256)

    def sentences(tagged: bool = False) -> list[Sentence]:
        made = [Sentence(text, use_tokenizer=False) for text in texts]
        for token in (token for sentence in made * tagged for token in sentence):
            token.add_label("pos", "NOUN" if len(token.text) % 2 else "VERB")
        return made

    def predict(model) -> np.ndarray:
        labelled = sentences()
        model.eval().predict(labelled, label_name="label", mini_batch_size=32)
        return np.array([token.get_label("label").score for sentence in labelled for token in sentence])

    def learn(model) -> np.ndarray:
        torch.manual_seed(0)  # its dropout
        model.train()
        loss, _ = model.forward_loss(sentences(tagged=True)[:32])
        loss.backward()
        gradients = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
        model.zero_grad()
        return torch.cat([loss.detach()[None], gradients]).numpy()

    return [(f"predict {len(texts)} sentences", model, predict), ("training step, 32 sentences", model, learn)]


SUBJECTS = {
    "speaker": (speaker, ("resemblyzer", "webrtcvad")),
    "forecaster": (forecaster, ("neuralforecast",)),
    "tagger": (tagger, ("flair",)),
}


@contextlib.contextmanager
def silence():
    """Without what the libraries say of themselves."""
    logging.disable(logging.WARNING)
    with warnings.catch_warnings(), open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)


def main() -> int:
    parser = arguments(__doc__, quick=False, threads=[2, 1])
    parser.add_argument("--models", nargs="+", choices=list(SUBJECTS), default=list(SUBJECTS))
    parser.add_argument("--runs", type=int, default=3, help="pairs of runs; default 3")
    options = parser.parse_args()
    report, found = Report(__doc__, options), [m for m in options.models if installed(*SUBJECTS[m][1])]
    report.say(header(*(SUBJECTS[name][1][0] for name in found)))
    for name in sorted(set(options.models) - set(found)):
        report.say(f"left out: {name}; it needs: pip install {' '.join(SUBJECTS[name][1])}")
    report.table(
        "threads",
        "model     ",
        "what                        ",
        "replaced",
        "before ms",
        "after ms",
        "ratio",
        "difference",
    )
    ratios = []
    for threads in options.threads:
        torch.set_num_threads(threads)
        for name in found:
            with silence():
                cases = SUBJECTS[name][0](options.quick)
            for what, model, run in cases:
                fast = copy.deepcopy(model)
                replaced = len(recurra.accelerate(fast).replaced)
                with silence():
                    before, after = run(model), run(fast)
                    ways = {"before": partial(run, model), "after": partial(run, fast)}
                    seconds = in_turns(ways, options.runs, warmup=0)
                off = float(np.abs(before - after).max() / np.abs(before).max())
                faster = ratio(seconds["before"], seconds["after"])
                ms = [f"{milliseconds(seconds[way]):.0f}" for way in ("before", "after")]
                report.row(threads, name, what, replaced, *ms, f"{faster:.2f}", f"{off:.0e}")
                ratios.append(faster)
                # A fit repeats the rounding of each step in the next.
                limit = 1e-2 if "fit" in what else 1e-4
                report.target(
                    f"{name}, {what}, {threads} threads: results within {off:.0e} of the largest", off <= limit
                )
    if ratios:
        mean = geometric_mean(ratios)
        words = f"accelerated models: {mean:.2f} times as fast in the mean, {min(ratios):.2f} to {max(ratios):.2f}"
        report.target(f"{words}; wanted: more than 1", mean > 1)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
