"""Spoken digits: single ones, strings of 3 to 7 in noise, and a speaker never heard.

    python benchmarks/bench_speech.py                        the standard split and all six speakers, about an hour
    python benchmarks/bench_speech.py standard theo          some
    python benchmarks/bench_speech.py standard --picture docs/pictures/speech.png

The 3,000 recordings of the free spoken digit dataset, under RECURRA_DATA/fsdd: six speakers, 8,000 samples a second. The
standard split tests on recordings 0 to 4 of each digit and speaker and learns from 5 to 49; a speaker's name leaves all
recordings of that speaker out. A tenth of what is learned from chooses the weights. One model, trained on recordings
joined at random, does both: single digits, right only if the text is that digit and nothing else; and 300 strings of
unseen recordings by one speaker each, with pauses of up to half a second and noise 10 to 40 dB below the speech.
"""

import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
import torch
from pairs import header
from report import Report, arguments, row_of

from recurra.tasks.speech import Resampler, Transcriber, character_error_rate, join, word_error_rate

DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
SETTINGS = {
    "unit": "word",
    "join": 4,
    "noise": 10.0,
    "speed": 0.1,
    "time_masks": 0,
    "hidden_size": 256,
    "num_layers": 2,
}
SETTINGS |= {"dropout": 0.1, "batch_size": 16, "epochs": 30, "lr": 5e-3}
RATE, STRINGS = 8000, 300
PUBLISHED = (
    "Published: the data's README fixes the split and gives no figure, and no paper's table was found; models of MFCC"
    " features are commonly said to be above 97 % on single digits of the standard split."
)


def recordings() -> list[tuple[Path, str, str, int]]:
    """File, digit, speaker and number of every recording."""
    folder = Path(os.environ.get("RECURRA_DATA", Path(__file__).parents[1] / "../shared/data"), "fsdd/recordings")
    found = []
    for path in sorted(folder.glob("*.wav")):
        digit, speaker, number = path.stem.split("_")
        found.append((path, DIGITS[int(digit)], speaker, int(number)))
    if not found:
        sys.exit(f"no recordings in {folder}; set RECURRA_DATA")
    return found


def strings(test: list, seed: int) -> list[tuple[np.ndarray, str]]:
    """Recordings of one speaker joined, with pauses and noise, and what is said in them."""
    random, speakers, found = np.random.default_rng(seed), sorted({row[2] for row in test}), []
    for number in range(STRINGS):
        own = [row for row in test if row[2] == speakers[number % len(speakers)]]
        chosen = [own[k] for k in random.integers(0, len(own), int(random.integers(3, 8)))]
        sounds = [soundfile.read(row[0], dtype="float32")[0] for row in chosen]
        found.append((join(sounds, RATE, random, pause=0.5, noise=10.0), " ".join(row[1] for row in chosen)))
    return found


def measure(split: str, report: Report, seed: int) -> Transcriber:
    """Train on one split and test it: adds a row."""
    everything = recordings()
    held = [row for row in everything if (row[3] < 5 if split == "standard" else row[2] == split)]
    learned = [row for row in everything if row not in held]
    start = time.perf_counter()
    transcriber = Transcriber(**SETTINGS, seed=seed).fit([row[:2] for row in learned])
    minutes = (time.perf_counter() - start) / 60
    heard = [transcriber.transcribe(row[0]) for row in held]
    single = np.mean([text == row[1] for text, row in zip(heard, held, strict=True)])
    sounds, said = zip(*strings(held, seed=0), strict=True)
    start = time.perf_counter()
    greedy = [transcriber.transcribe(sound, rate=RATE) for sound in sounds]
    speed = sum(map(len, sounds)) / RATE / (time.perf_counter() - start)
    beam = [transcriber.transcribe(sound, rate=RATE, beam=8) for sound in sounds]
    wer, searched, cer = word_error_rate(said, greedy), word_error_rate(said, beam), character_error_rate(said, greedy)
    parameters = f"{sum(weight.numel() for weight in transcriber.model.parameters()):,}"
    rates = [f"{100 * rate:.2f}" for rate in (single, wer, searched, cer)]
    report.row(split, len(held), *rates, parameters, minutes, round(speed))
    if split == "standard":
        report.target(f"single digits at least 98 %: {single:.2%}", single >= 0.98)
        report.target(f"strings' word error rate at most 3 %: {wer:.2%}", wer <= 0.03)
    return transcriber


def hour(transcriber: Transcriber, report: Report) -> None:
    """Transcribe an hour of strings, stereo at 44,100 samples a second: says the time, the words and the memory."""
    sounds, said = zip(*strings([row for row in recordings() if row[3] < 5], seed=1), strict=True)
    with tempfile.TemporaryDirectory() as folder:
        path, texts = Path(folder, "hour.flac"), []
        with soundfile.SoundFile(path, "w", 44100, 2) as file:
            while file.frames < 3600 * 44100:
                sound = Resampler(RATE, 44100).feed(sounds[len(texts) % STRINGS], last=True)
                file.write(np.stack([sound, sound], 1))
                texts.append(said[len(texts) % STRINGS])
        transcriber.transcribe(sounds[0], rate=RATE)
        before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
        heard = transcriber.transcribe(path)
        seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wer = 100 * word_error_rate(" ".join(texts), heard)
    report.say(
        f"An hour of such strings, stereo, 44,100 samples a second: {seconds:.0f} s on one core, WER {wer:.2f} %,"
        f" {(after - before) / 1024:.0f} MiB more memory than for five seconds"
    )


def main() -> int:
    parser = arguments(__doc__, threads=2, seed=1)
    splits = ["standard", *SPEAKERS]
    parser.add_argument("splits", nargs="*", type=row_of(splits), default=splits, help="or a speaker to leave out")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw a string of the standard split's test part")
    parser.add_argument("--model", type=Path, metavar="FOLDER", help="save the standard split's model there")
    parser.add_argument("--hour", action="store_true", help="also transcribe a file of an hour")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    report = Report(__doc__, options)
    report.say(header())
    report.say(f"Settings: {', '.join(f'{name}={value}' for name, value in SETTINGS.items())}, seed={options.seed}")
    columns = ("split      ", "unseen", "single %", "WER %", "WER beam 8 %", "CER %", "parameters", "minutes")
    report.table(*columns, "times real time")
    for split in options.splits:
        transcriber = measure(split, report, options.seed)
        if split == "standard" and options.picture:
            sound, _ = strings([row for row in recordings() if row[3] < 5], seed=0)[1]
            transcriber.plot(sound, options.picture, rate=RATE)
        if split == "standard" and options.hour:
            hour(transcriber, report)
        if split == "standard" and options.model:
            transcriber.save(options.model)
    report.say(PUBLISHED)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
