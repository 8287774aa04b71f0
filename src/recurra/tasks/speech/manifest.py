"""Lists of recordings and their texts, from a table or a folder."""

import csv
from pathlib import Path

from recurra.errors import DataError

SOUNDS = (".wav", ".flac", ".ogg", ".mp3")
TABLES = {".csv": ",", ".tsv": "\t"}


def read_manifest(path: str | Path) -> list[tuple[Path, str]]:
    """Recordings and what is said in them: `read_manifest("train.csv")` → [(Path("a.wav"), "one two"), ...].

    path: a CSV or TSV file with the columns `path`, from the file's own folder, and `text`; or a folder in which each
    sound has a text file of the same name beside it (a.wav, a.txt). DataError, with the line, for what is not so.
    """
    path = Path(path)
    if path.is_dir():
        return _folder(path)
    if path.suffix.lower() not in TABLES:
        raise DataError(f"{path} is no list of recordings; expected .csv or .tsv with `path` and `text`, or a folder")
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            examples = _table(path, file)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is not a table in UTF-8: {error}") from error
    if not examples:
        raise DataError(f"{path} names no recordings")
    return examples


def _table(path: Path, file) -> list[tuple[Path, str]]:
    delimiter = TABLES[path.suffix.lower()]
    # A quote in a table parted by tabs is a quote; in one parted by commas it has to end, or rows would go into one cell.
    quoting = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL
    rows = csv.DictReader(file, delimiter=delimiter, quoting=quoting, strict=True)
    columns = rows.fieldnames or []
    missing = [name for name in ("path", "text") if name not in columns]
    if missing:
        raise DataError(
            f"{path} has no column `{missing[0]}`; its first line has: {', '.join(columns) or 'nothing'}. Expected path,text"
        )
    examples = []
    for row in rows:
        if not row["path"] or not (row["text"] or "").strip():
            raise DataError(
                f"{path}, line {rows.line_num}: expected a path and a text, got {row['path']!r}, {row['text']!r}"
            )
        sound = path.parent / row["path"]
        if not sound.is_file():
            raise DataError(f"{path}, line {rows.line_num}: there is no file {sound}")
        examples.append((sound, row["text"]))
    return examples


def _folder(folder: Path) -> list[tuple[Path, str]]:
    sounds = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SOUNDS)
    if not sounds:
        raise DataError(f"the folder {folder} has no sound files ({', '.join(SOUNDS)})")
    examples = []
    for sound in sounds:
        try:
            examples.append((sound, sound.with_suffix(".txt").read_text("utf-8-sig")))
        except OSError as error:
            raise DataError(
                f"{sound} has no text beside it: {sound.with_suffix('.txt').name} cannot be read ({error.strerror})"
            ) from error
        except UnicodeDecodeError as error:
            raise DataError(f"{sound.with_suffix('.txt')} is not UTF-8: {error}") from error
    return examples
