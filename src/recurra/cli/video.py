"""`recurra video`: clips → a model of what they show, or of what comes next; and what it says of other clips."""

import dataclasses
from pathlib import Path
from typing import Any

import click

from recurra.cli import fitting
from recurra.cli.options import UserPath, given, spare
from recurra.cli.shown import table, to_json
from recurra.config import homes
from recurra.tasks.video.config import (
    CLASSIFIER,
    DEFAULTS,
    PREDICTOR,
    ClassifierConfig,
    ClipsConfig,
    NetworkConfig,
    PredictorConfig,
)
from recurra.training.config import TrainingConfig

_SECTIONS = {
    "Clips": ClipsConfig,
    "Network": NetworkConfig,
    "Next frames": PredictorConfig,
    "Labels": ClassifierConfig,
    "Training": TrainingConfig,
}


@fitting.command(
    "video",
    CLASSIFIER | PREDICTOR,
    DEFAULTS,
    use="Use this run's model on DATA in place of fitting one.",
    hint="name videos, or folders of images, such as clip.mp4 or frames/",
    sections=_SECTIONS,
    both=("ahead", "clip_memory"),
    examples={
        "learn what comes next in some videos": "recurra video street.mp4 park.mp4 --shorter-side 64 --minutes 10",
        "the next frames of a clip, as a picture that moves": "recurra video clip.gif --model street-1 --to next.gif",
        "how near it comes, beside copying the last frame": "recurra video test/ --model street-1",
        "learn labels: clips/ has a video or a folder of images each": "recurra video clips/ --labels labels.csv",
        "what new clips show": "recurra video new/ --model clips-1 --json",
        "resume a run that was stopped": "recurra video --resume runs/street-1",
        "resume it where its clips have moved": "recurra video --resume runs/street-1 --data moved/street.mp4",
    },
)
@fitting.option(
    "--labels",
    type=UserPath(),
    modes=(fitting.FIT, fitting.USE),
    help="CSV: a clip's name, then its labels, a named column each.",
)
@fitting.to_option(help="Write the next frames, as .gif or .npy.")
def command(data, labels, to, **values):
    """Learn what clips show, or what comes next in them.

    With --labels it learns what they show, else the frames that come next; with --model it uses that on others.

    DATA is video files, animated GIFs, .npy arrays (frames, height, width[, colours]), folders of images, or folders of any of
    these. Fitting prints the run's folder.
    """
    settings = given(values, list(_SECTIONS.values()), values["file"])
    mode, data = fitting.mode_of(values), list(data)
    if mode == fitting.USE:
        _use(values["model"], data, labels, to, settings, values["as_json"])
    elif mode == fitting.RESUME:
        from recurra.tasks.video.runs import kind

        fitting.fit(kind(values["resume"]), data, values, settings)
    else:
        known = homes(CLASSIFIER if labels else PREDICTOR)
        others = {name: value for name, value in settings.items() if name not in known}
        _refuse(
            "that is for next frames, without --labels" if labels else "that is for labels, with --labels", **others
        )
        from recurra.tasks.video import FramePredictor, VideoClassifier

        # The table of labels comes last among the files of a run.
        paths = [*data, str(labels)] if labels else data
        fitting.fit(VideoClassifier if labels else FramePredictor, paths, values, settings)


def _refuse(why: str, **options: Any) -> None:
    beside = ["--" + name.replace("_", "-") for name, value in options.items() if value is not None]
    if beside:
        raise click.UsageError(f"{why}; drop {', '.join(beside)}")


def _use(run: str, data: list[str], labels: Path | None, to: Path | None, settings: dict, as_json: bool) -> None:
    from recurra.tasks.video import VideoClassifier, load

    model, ahead = load(run), settings.get("ahead")
    if "clip_memory" in settings:  # these clips may be longer
        model.parts["data"] = dataclasses.replace(model.parts["data"], clip_memory=settings["clip_memory"])
    if isinstance(model, VideoClassifier):
        _refuse("that run is of labels, and draws no frames", to=to, ahead=ahead)
        found = _classify(model, data, labels)
    else:
        _refuse("that run is of next frames", labels=labels)
        found = _measure(model, data, ahead) if to is None else _write(model, data, to, ahead)
    about, header, rows = found
    click.echo(to_json({"run": str(model.folder), **about}) if as_json else table(header, rows))


def _classify(model: Any, data: list[str], labels: Path | None):
    from recurra.tasks.video.clips import named

    if labels:
        right = model.evaluate(data, labels)
        return {"accuracy": right}, ["label", "accuracy"], [[name, f"{value:.4f}"] for name, value in right.items()]
    predicted = model.predict(data)
    rows = [
        [name, *map(str, [row] if predicted.ndim == 1 else row)]
        for name, row in zip(named(data), predicted, strict=True)
    ]
    clips = [{"clip": name, **dict(zip(model.names, found, strict=True))} for name, *found in rows]
    return {"clips": clips}, ["clip", *model.names], rows


def _measure(model: Any, data: list[str], ahead: int | None):
    found = model.evaluate(data, ahead)
    rows = [
        [name.upper(), f"{found[name]:.5f}", f"{found['copy_' + name]:.5f}"]
        for name in ("mse", "ssim")
        if name in found
    ]
    return found, ["measure", "predicted", "copying"], rows


def _write(model: Any, data: list[str], to: Path, ahead: int | None):
    from recurra.tasks.video.clips import named
    from recurra.tasks.video.writing import check_file, write_frames

    check_file(to)
    names, rows = named(data), []
    targets = _targets(to, names)
    for target in targets:
        spare(target, names)
    for name, file, frames in zip(names, targets, model.predict(data, ahead), strict=True):
        write_frames(file, frames)
        rows.append([name, str(file), len(frames)])
    return (
        {"clips": [dict(zip(("clip", "file", "frames"), row, strict=True)) for row in rows]},
        ["clip", "file", "frames"],
        [[name, file, str(count)] for name, file, count in rows],
    )


def _targets(to: Path, names: list[str]) -> list[Path]:
    """A file for each clip: by its name; with its ending, or its folders too, where several clips would share that."""
    if len(names) == 1:
        return [to]
    paths = [Path(name) for name in names]
    for short in (
        [path.stem for path in paths],
        [path.name.replace(".", "-") for path in paths],
        ["-".join(part for part in path.with_suffix("").parts if part not in ("..", path.anchor)) for path in paths],
        ["-".join(part for part in path.parts if part not in ("..", path.anchor)).replace(".", "-") for path in paths],
    ):
        if len(set(map(str.lower, short))) == len(short):  # some file systems take A for a
            return [to.with_stem(f"{to.stem}-{name}") for name in short]
    twice = next((name for name in names if names.count(name) > 1), None)
    why = f"{twice} is named twice" if twice else "the names of the clips are too alike for a file each"
    raise click.UsageError(f"{why}; name each clip once, or write them one by one")
