"""Damaged files, read by the commands: `python -m helpers.reader_fuzz FOLDER KINDS COUNT SEED [FIRST]`; a JSON line for each.

KINDS has a row for each kind of file that a command reads: how a sound one comes about, and the command. A damaged one may be
read, or be refused in one line that names it; the command neither ends otherwise nor takes more than SECONDS of the processor
or GROWTH bytes of memory, and no library shows a warning. A case follows from its kind, the seed and its number alone, so that
a file that ended the process is left out by starting after it: FIRST.
"""

import copy
import faulthandler
import io
import json
import os
import random
import re
import shutil
import struct
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

SECONDS, GROWTH, HANG = 5.0, 256 << 20, 120.0
LITTLE = "--length 2 --samples 1 --beam 0 --context 8"  # whatever the settings say: they may ask for hours
TINY = "--epochs 1 --hidden-size 8 --batch-size 4 --quiet"


class Kind(NamedTuple):
    """file: below the folder. command: with {} for it. make: the sound file, for those that are not a run's."""

    file: str
    command: str
    make: Callable[[Path], None] | None = None
    needs: str = ""
    """A run."""
    change: Callable[[bytes, random.Random], bytes] | None = None
    """How it is damaged; default `damaged`."""


# Sound files


def _text(content: str) -> Callable[[Path], None]:
    return lambda path: path.write_text(content, "utf-8")


def _sound(path: Path) -> None:
    import soundfile

    wave = np.sin(np.arange(4000) / 9).astype(np.float32) * 0.5
    soundfile.write(path, wave, 8000)


def _clip(path: Path) -> None:
    from recurra.tasks.video.writing import write_frames

    frames = np.random.default_rng(0).integers(0, 256, (8, 12, 12), np.uint8)
    if path.suffix in (".gif", ".npy"):
        write_frames(path, frames)
    elif path.suffix in (".mp4", ".avi", ".mkv"):
        import av

        with av.open(str(path), "w") as container:
            stream = container.add_stream("mpeg4", rate=10, width=16, height=16)
            for frame in np.kron(frames, np.ones((1, 2, 2), np.uint8))[:, :16, :16]:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="gray")))
            container.mux(stream.encode())
    else:
        from PIL import Image

        path.parent.mkdir(exist_ok=True)
        for number, frame in enumerate(frames):
            Image.fromarray(frame).save(path.with_stem(f"{path.stem}{number}") if number else path)


def _midi(path: Path) -> None:
    from recurra.tasks.music.midi_file import write_midi
    from recurra.tasks.music.piece import Piece

    write_midi(Piece(np.random.default_rng(0).random((24, 88)) < 0.05), path)


def _mat(path: Path) -> None:
    from scipy.io import savemat

    rolls = np.empty((1, 2), object)
    rolls[:] = [[np.eye(8, 88), np.eye(6, 88)]]
    savemat(path, dict.fromkeys(("traindata", "validdata", "testdata"), rolls))


def _table(rows: int) -> str:
    values = "".join(f"2020-01-{day + 1:02},{day % 7 + 0.5}\n" for day in range(rows))
    return f"ds,y\n{values}"


def _parquet(path: Path) -> None:
    import pandas

    pandas.read_csv(io.StringIO(_table(30)), parse_dates=["ds"]).to_parquet(path)


WORDS = "the cat sat on the mat, and the dog sat on the cat. " * 12
REVIEWS = "text,label\n" + "".join(f"{'good' if n % 2 else 'bad'} {n},{n % 2}\n" for n in range(20))
NUMBERS = "text,target\n" + "".join(f"word {n},{n / 4}\n" for n in range(20))
TS = "@problemName a\n@classLabel true a b\n@data\n" + "".join(
    f"{n},{n + 1}.5,-2e-1:3,{n},5:{'ab'[n % 2]}\n" for n in range(20)
)
CONLL = "".join(f"the DET\ncat{n} NOUN\n\n" for n in range(20))
PAIRS = "".join(f"{n} ab\tba {n}\n" for n in range(20))
ROLLS = json.dumps({part: [[[60, 64], [62], []] * 4] * 3 for part in ("train", "valid", "test")})
SETTINGS = {"temperature": 0.5, "length": 4, "top_k": 3, "seed": 1}

RUNS = {
    "language": f"train text.txt --preset tiny {TINY}",
    "classify": f"classify reviews.csv {TINY}",
    "series": f"classify series.ts {TINY}",
    "regress": f"regress numbers.csv {TINY}",
    "tag": f"tag words.conll {TINY}",
    "forecast": "forecast series.csv --preset tiny --horizon 2 --input-size 6 --epochs 1 --epoch-steps 1 --quiet",
    "translate": f"translate pairs.tsv {TINY}",
    "speech": f"transcribe sounds.csv {TINY} --validation 2",
    "music": f"compose rolls.json {TINY} --chord-size 4",
    "frames": "video clip.npy --channels 4 --seen 2 --ahead 1 --patch 2 --num-layers 1 --epochs 1 --quiet",
    "movies": "video clip.mp4 --channels 4 --seen 2 --ahead 1 --patch 2 --num-layers 1 --epochs 1 --quiet",
    "labels": "video clip.gif clip.npy frames --labels labels.csv --channels 4 --hidden-size 8 --epochs 1 --validation 0"
    " --quiet",
}
"""What each command makes of the sound files, in runs/<name>."""


# Damage

_BYTES = [
    b"\0",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\0\0\0\0",
    struct.pack("<q", -1),
]
_WORDS = [
    "0",
    "-1",
    "1e999",
    "-1e308",
    "9223372036854775808",
    "1_0",
    "nan",
    "inf",
    "null",
    "true",
    "[]",
    "{}",
    "[[",
    '"',
    ",",
    ":",
    "\n",
    "\t",
    "\r",
    "\ufeff",
    "\x00",
    "\u2028",
    "é",
]
_VALUES = [
    0,
    -1,
    1,
    2**31,
    2**63,
    10**30,
    0.5,
    -0.0,
    1e308,
    float("nan"),
    float("inf"),
    True,
    None,
    "",
    "x",
    "9" * 5000,
]
_VALUES += [[], {}, [[[]]], {"a": {}}, "\ud800", "../../x", "lstm", -(2**63)]


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Some bytes changed, left out, doubled or put in; or the file cut off."""
    content = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        at, length = chance.randrange(len(content) + 1), chance.choice((1, 1, 2, 4, 8, 64))
        match chance.randrange(7):
            case 0 if content:
                content[at % len(content)] ^= 1 << chance.randrange(8)
            case 1:
                content[at : at + length] = bytes(chance.randrange(256) for _ in range(length))
            case 2:
                del content[at : at + length]
            case 3:
                content[at:at] = content[at : at + length] * chance.choice((1, 2, 50))
            case 4:
                content[at : at + length] = chance.choice(_BYTES)
            case 5:
                content[at:at] = chance.choice(_WORDS).encode()
            case 6 if chance.random() < 0.2:
                del content[at:]
    return bytes(content)


def json_changed(content: bytes, chance: random.Random) -> bytes:
    """Values in a JSON file changed, left out or put elsewhere; sometimes its bytes."""
    if chance.random() < 0.2:
        return damaged(content, chance)
    if chance.random() < 0.02:
        depth = chance.choice((100, 100_000))
        return b"[" * depth + b"]" * depth
    return json.dumps(_tree_changed(json.loads(content), chance)).encode()


def _tree_changed(tree: Any, chance: random.Random) -> Any:
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        places = list(_places(tree))
        if not places:
            return chance.choice(_VALUES)
        where, key = chance.choice(places)
        match chance.randrange(6):
            case 0 | 1 | 2:
                where[key] = chance.choice(_VALUES)
            case 3:
                where[key] = copy.deepcopy(chance.choice([w[k] for w, k in places]))
            case 4:
                del where[key]
            case 5 if isinstance(where, dict):
                where[chance.choice(("a", "", "lr", key + "x"))] = copy.deepcopy(where[key])
    return tree


def _places(tree: Any):
    keys = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in keys:
        yield tree, key
        yield from _places(value)


def tensors_changed(content: bytes, chance: random.Random) -> bytes:
    """A file of tensors whose checksum is right all the same."""
    import torch

    from recurra import tensorfiles

    if chance.random() < 0.3:
        return damaged(content, chance)
    size = struct.unpack("<Q", content[:8])[0]
    about = json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["recurra"])
    about.pop("crc32", None)
    tensors = tensorfiles.unpack(content)
    if chance.random() < 0.6:
        about = _tree_changed(about, chance)
        about = about if isinstance(about, dict) else {"schema": about}
    for name in chance.sample(sorted(tensors), min(len(tensors), chance.choice((0, 1, 1, 3)))):
        one = tensors[name]
        match chance.randrange(6):
            case 0:
                del tensors[name]
            case 1:
                tensors[name] = one.flatten()[: chance.randrange(one.numel() + 1)].clone()
            case 2:
                tensors[name] = one.to(chance.choice((torch.float64, torch.int64, torch.uint8, torch.bool)))
            case 3:
                tensors[name] = torch.full_like(one, chance.choice((0, 1, 100)))
            case 4:
                tensors[name] = one[None]
            case 5:
                tensors[name + "x"] = one.clone()
    return tensorfiles.pack(tensors, about)


def lines_changed(content: bytes, chance: random.Random) -> bytes:
    lines = content.splitlines()
    if not lines or chance.random() < 0.3:
        return damaged(content, chance)
    at = chance.randrange(len(lines))
    lines[at] = json_changed(lines[at], chance)
    return b"\n".join(lines) + b"\n"


def _kinds() -> dict[str, Kind]:
    kinds = {
        "text": Kind("text.txt", "evaluate language {}", _text(WORDS), "language"),
        "text to look at": Kind("look.txt", "look language --text {}", _text(WORDS[:200]), "language"),
        "prompt": Kind("prompt.txt", "generate language --prompt-file {} --length 2", _text(WORDS[:50]), "language"),
        "settings": Kind(
            "a.json", f"generate language --config {{}} {LITTLE}", _text(json.dumps(SETTINGS)), "language", json_changed
        ),
        "settings, TOML": Kind(
            "a.toml",
            f"generate language --config {{}} {LITTLE}",
            _text("length = 4\n[generation]\ntemperature = 0.5\n"),
            "language",
        ),
        "csv of texts": Kind("reviews.csv", "classify {} --model classify", _text(REVIEWS), "classify"),
        "ts": Kind("series.ts", "classify {} --model series", _text(TS), "series"),
        "csv of numbers": Kind("numbers.csv", "regress {} --model regress", _text(NUMBERS), "regress"),
        "conll": Kind("words.conll", "tag {} --model tag", _text(CONLL), "tag"),
        "csv of series": Kind("series.csv", "forecast {} --model forecast", _text(_table(30)), "forecast"),
        "parquet": Kind("series.parquet", "forecast {} --model forecast", _parquet, "forecast"),
        "tsv of pairs": Kind("pairs.tsv", "translate {} --model translate", _text(PAIRS), "translate"),
        "midi": Kind("a.mid", "compose {} --model music --measure", _midi, "music"),
        "json of rolls": Kind("rolls.json", "compose {} --model music --measure", _text(ROLLS), "music", json_changed),
        "mat": Kind("rolls.mat", "compose {} --model music --measure", _mat, "music"),
        "npy": Kind("clip.npy", "video {} --model frames", _clip, "frames"),
        "gif": Kind("clip.gif", "video {} --model frames", _clip, "frames"),
        "mp4": Kind("clip.mp4", "video {} --model movies", _clip, "movies"),
        "avi": Kind("clip.avi", "video {} --model movies", _clip, "movies"),
        "mkv": Kind("clip.mkv", "video {} --model movies", _clip, "movies"),
        "webp": Kind("webp/a.webp", "video webp --model labels", _clip, "labels"),
        "bmp": Kind("bmp/a.bmp", "video bmp --model labels", _clip, "labels"),
        "ppm": Kind("ppm/a.ppm", "video ppm --model labels", _clip, "labels"),
        "png": Kind("frames/a.png", "video frames --model labels", _clip, "labels"),
        "tiff": Kind("tiff/a.tif", "video tiff --model labels", _clip, "labels"),
        "jpeg": Kind("jpeg/a.jpg", "video jpeg --model labels", _clip, "labels"),
        "csv of labels": Kind(
            "labels.csv",
            "video clip.gif clip.npy --model labels --labels {}",
            _text("clip,label\nclip.gif,a\nclip.npy,b\nframes,a\n"),
            "labels",
        ),
    }
    for ending in ("wav", "flac", "mp3", "ogg", "aiff"):
        kinds[ending] = Kind(f"a.{ending}", "transcribe {} --model speech", _sound, "speech")
    own = {
        "language": "generate language --length 2 --seed 1",
        "classify": "classify reviews.csv --model classify",
        "tag": "tag words.conll --model tag",
        "forecast": "forecast --model forecast",
        "translate": "translate pairs.tsv --model translate",
        "speech": "transcribe a.wav --model speech",
        "music": "compose --model music --to new.mid --length 4",
        "frames": "video clip.npy --model frames",
    }
    for run, command in own.items():
        kinds[f"config.json of {run}"] = Kind(f"runs/{run}/config.json", command, None, run, json_changed)
        kinds[f"model.safetensors of {run}"] = Kind(
            f"runs/{run}/model.safetensors", command, None, run, tensors_changed
        )
    resume = {
        "language": "train",
        "classify": "classify",
        "forecast": "forecast",
        "speech": "transcribe",
        "music": "compose",
    }
    for run, command in resume.items():
        again = f"{command} --resume {run} --quiet"
        kinds[f"state.safetensors of {run}"] = Kind(f"runs/{run}/state.safetensors", again, None, run, tensors_changed)
    more = {
        "vocabulary.json": ("language", own["language"], json_changed),
        "corpus.json": ("language", "generate language --memorisation --length 2", json_changed),
        "corpus.bin": ("language", "generate language --memorisation --length 2", None),
        "metrics.jsonl": ("language", "train --resume language --quiet", lines_changed),
        "history.safetensors": ("forecast", own["forecast"], tensors_changed),
        "pieces.safetensors": ("music", "compose --resume music --quiet", tensors_changed),
        "sounds.json": ("speech", "transcribe --resume speech --quiet", json_changed),
        "sounds.i16": ("speech", "transcribe --resume speech --quiet", None),
    }
    for file, (run, command, change) in more.items():
        kinds[file] = Kind(f"runs/{run}/{file}", command, None, run, change)
    return kinds


KINDS = _kinds()


def prepare(folder: Path, names: list[str]) -> None:
    """The sound files, and the runs that the kinds need."""
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    for kind in KINDS.values():
        if kind.make and not Path(kind.file).exists():
            Path(kind.file).parent.mkdir(exist_ok=True)
            kind.make(Path(kind.file))
    Path("sounds.csv").write_text("path,text\n" + "a.wav,one two\n" * 6)
    for run in {KINDS[name].needs for name in names} - {""}:
        if not Path("runs", run).exists():
            code, out = command(f"{RUNS[run]} -o runs/{run}")
            assert code == 0, out


def command(line: str) -> tuple[int, str]:
    """Run a command; its exit code, and all that it and its libraries wrote."""
    from recurra.cli import frame

    sys.stdout.flush()
    with open("output", "w+b") as file:
        kept = os.dup(1), os.dup(2)
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        try:
            code = frame.run(line.split())
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            for number, old in enumerate(kept, 1):
                os.dup2(old, number)
                os.close(old)
        file.seek(0)
        return code, file.read().decode("utf-8", "replace")


def peak(reset: bool = False) -> int:
    """The most memory of this process since the last reset."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) << 10


def fault(code: int, out: str, kind: Kind, seconds: float, grown: int) -> str:
    """What is wrong with how a command took a damaged file; "" where nothing is."""
    lines = [line for line in out.splitlines() if line.startswith("recurra: ")]
    if "a fault in Recurra" in out or "Traceback" in out:
        return "a bare exception"
    theirs = [line for line in out.splitlines() if "Warning" in line and "recurra" not in line]
    if theirs or (code and re.search(r"^\[|libmpg123|libsndfile|^warning", out, re.M | re.I)):
        return "words of a library"
    if code not in (0, 1, 2) or (code and len(lines) != 1):
        return f"exit code {code}, {len(lines)} lines"
    if code and not _named(lines[0], kind):
        return "the file is not named"
    if seconds > SECONDS:
        return f"{seconds:.1f} s"
    return f"{grown >> 20} MB" if grown > GROWTH else ""


def _named(line: str, kind: Kind) -> bool:
    file = Path(kind.file)
    if not re.search("damaged|cut off|cannot|missing|settings beside", line):
        return True  # what was read does not fit the model, or is no valid setting: said of a series, a row, an option
    return file.name in line or str(file.parent) in line or (kind.needs and f"runs/{kind.needs}" in line)


def main(folder: Path, names: list[str], count: int, seed: int, first: int) -> None:
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("always")
    prepare(folder, names)
    said = os.fdopen(os.dup(1), "w")
    whole = {name: Path(KINDS[name].file).read_bytes() for name in names}
    for name in names:
        code, out = command(KINDS[name].command.format(KINDS[name].file))  # from here on all is imported
        # A WebP has colours, and the clips that were fitted on have none.
        assert code == (name == "webp"), f"{name}: {out}"
    number = 0
    for name in names:
        kind, place, was = KINDS[name], Path(KINDS[name].file), whole[name]
        spare = Path("spare")
        shutil.rmtree(spare, ignore_errors=True)
        if kind.file.startswith("runs/"):
            shutil.copytree(place.parent, spare)
        for case in range(count):
            number += 1
            if number <= first:
                continue
            chance = random.Random(f"{name} {seed} {case}")
            place.write_bytes((kind.change or damaged)(was, chance))
            print(json.dumps({"at": number, "kind": name, "case": case}), file=said, flush=True)
            faulthandler.dump_traceback_later(HANG, exit=True)
            before, start = peak(reset=True), time.process_time()
            code, out = command(kind.command.format(kind.file))
            seconds, grown = time.process_time() - start, peak() - before
            faulthandler.cancel_dump_traceback_later()
            row = {"kind": name, "case": case, "code": code, "fault": fault(code, out, kind, seconds, grown)}
            row |= {"seconds": round(seconds, 2), "grown": grown}
            print(json.dumps(row | ({"out": out[-1500:]} if row["fault"] else {})), file=said, flush=True)
            if spare.exists():
                shutil.rmtree(place.parent)
                shutil.copytree(spare, place.parent)
        place.write_bytes(was)


if __name__ == "__main__":
    names = list(KINDS) if sys.argv[2] == "all" else sys.argv[2].split(";")
    main(Path(sys.argv[1]), names, int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]) if len(sys.argv) > 5 else 0)
