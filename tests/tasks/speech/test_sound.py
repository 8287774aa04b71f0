"""Sound in: files and arrays of every kind, other rates, features, what is done to recordings, lists of recordings."""

import os
import sys

import numpy as np
import pytest

from recurra.errors import ConfigError, DataError, DtypeError, RecurraError, ShapeError
from recurra.tasks.speech import LogMel, Resampler, join, mix, read_manifest
from recurra.tasks.speech.config import SpeechDataConfig
from recurra.tasks.speech.features import TAIL, count, frames_of
from recurra.tasks.speech.sound import BLOCK, read

soundfile = pytest.importorskip("soundfile")
pytest.importorskip("kaldi_native_fbank")


@pytest.fixture
def random():
    return np.random.default_rng(0)


def whole(sound, rate=None):
    rate, blocks = read(sound, rate)
    return rate, np.concatenate(list(blocks))


# Files and arrays


@pytest.mark.parametrize("kind", ["wav PCM_16", "wav PCM_24", "wav FLOAT", "wav PCM_U8", "flac PCM_16"])
def test_files_of_every_kind_are_read_in_blocks(tmp_path, random, kind):
    suffix, subtype = kind.split()
    wave = random.uniform(-0.9, 0.9, (2 * BLOCK + 100, 2))
    soundfile.write(tmp_path / f"a.{suffix}", wave, 11025, subtype=subtype)
    rate, blocks = read(tmp_path / f"a.{suffix}")
    parts = list(blocks)
    assert (rate, [len(part) for part in parts]) == (11025, [BLOCK, BLOCK, 100])
    limit = 2**-7 if subtype == "PCM_U8" else 2**-15
    assert np.abs(np.concatenate(parts) - wave.mean(1)).max() <= limit, "two channels are averaged"


@pytest.mark.parametrize("dtype", ["int16", "int32", "uint8", "float32", "float64"])
def test_arrays_of_every_type_are_read(dtype):
    full = {"int16": 2**15, "int32": 2**31, "uint8": 2**7}.get(dtype, 1)
    array = (np.array([0.0, 0.5, -0.5]) * full + (128 if dtype == "uint8" else 0)).astype(dtype)
    rate, sound = whole(array, 8000)
    assert (rate, sound.dtype, sound.tolist()) == (8000, np.float32, [0.0, 0.5, -0.5])


def broken_files(folder):
    """A file of each kind that users bring, and what is said of it."""
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, 80_000)
    soundfile.write(folder / "whole.wav", wave, 8000)
    soundfile.write(folder / "whole.flac", wave, 8000)
    soundfile.write(folder / "nothing.wav", wave[:0], 8000)
    soundfile.write(folder / "nan.wav", np.where(np.arange(80_000) == 70_000, np.nan, wave), 8000, subtype="FLOAT")
    soundfile.write(folder / "loud.wav", wave * 30_000, 8000, subtype="FLOAT")
    (folder / "cut.wav").write_bytes((folder / "whole.wav").read_bytes()[:50_044])
    (folder / "cut.flac").write_bytes((folder / "whole.flac").read_bytes()[:60_000])
    for suffix in ("aiff", "au", "w64"):
        soundfile.write(folder / f"cut.{suffix}", wave, 8000)
        (folder / f"cut.{suffix}").write_bytes((folder / f"cut.{suffix}").read_bytes()[:50_044])
    soundfile.write(folder / "slow.wav", wave, 500)
    (folder / "empty.wav").write_bytes(b"")
    (folder / "junk.wav").write_bytes(b"not a sound at all" * 9)
    (folder / "a.raw").write_bytes(bytes(100))
    (folder / "folder.wav").mkdir()
    return {
        "missing.wav": "there is no file .*missing.wav",
        "folder.wav": "folder.wav is a folder; expected a sound file",
        "empty.wav": "empty.wav is empty: it has no bytes",
        "junk.wav": r"junk.wav cannot be read as sound \(.*\); expected WAV or FLAC",
        "a.raw": r"a.raw cannot be read as sound \(.*\); expected WAV or FLAC",
        "nothing.wav": "nothing.wav is empty: it has no samples",
        "cut.wav": r"cut.wav is cut off or damaged: it promises 10.0 s of sound and has 3.1 s. Copy it again",
        "cut.flac": r"cut.flac is cut off or damaged: it promises 10.0 s of sound and has \d.\d s",
        "cut.aiff": r"cut.aiff is cut off or damaged: it promises 10.0 s of sound and has 3.1 s",
        "cut.au": r"cut.au is cut off or damaged: it promises 10.0 s of sound and has 3.1 s",
        "cut.w64": r"cut.w64 is cut off or damaged: it promises 10.0 s of sound and has 3.1 s",
        "slow.wav": "slow.wav has 500 samples a second; expected 1,000 to 384,000",
        "nan.wav": "nan.wav holds NaN or infinity, first at sample 4,464",
        "loud.wav": "loud.wav has samples up to 15,000; expected floats from -1 to 1",
    }


def test_a_broken_file_is_one_clear_line(tmp_path):
    for name, words in broken_files(tmp_path).items():
        with pytest.raises(DataError, match=words) as caught:
            whole(tmp_path / name)
        assert "\n" not in str(caught.value), name


def test_a_pipe_is_no_file_and_that_is_said(tmp_path):
    os.mkfifo(tmp_path / "a.wav")
    with pytest.raises(DataError, match=r"a\.wav is a pipe or a device; save it as a file first"):
        whole(tmp_path / "a.wav")


def test_a_wav_file_from_a_pipe_is_read_to_its_end(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(4000), 8000)
    data = bytearray((tmp_path / "a.wav").read_bytes())
    at = data.index(b"data")
    data[at + 4 : at + 8] = b"\xff\xff\xff\xff"  # what a program writes that cannot go back to the header
    (tmp_path / "a.wav").write_bytes(data)
    assert len(whole(tmp_path / "a.wav")[1]) == 4000


@pytest.mark.parametrize(
    ("array", "rate", "error", "words"),
    [
        (np.zeros(10), None, ConfigError, "an array has no sampling rate of its own; give it: rate=16000"),
        (np.zeros(10), 10, ConfigError, "`rate` is 10; expected whole samples a second, 1,000 to 384,000"),
        (np.zeros(10), 8000.5, ConfigError, "`rate` is 8000.5"),
        (np.zeros(0), 8000, DataError, "the sound is empty: it has no samples"),
        (np.zeros((2, 100)), 8000, ShapeError, r"is \(2, 100\); expected .* Turn it: sound.T"),
        (np.zeros((2, 2, 100)), 8000, ShapeError, r"is \(2, 2, 100\); expected \(samples,\)"),
        (np.zeros(10, bool), 8000, DtypeError, "is bool; expected floats from -1 to 1, int16, int32 or uint8"),
        (np.array(["a"]), 8000, DtypeError, "expected floats"),
        (np.array([0, np.nan]), 8000, DataError, "holds NaN or infinity, first at sample 1"),
        (np.array([0.0, 9000.0]), 8000, DataError, "has samples up to 9,000; expected floats from -1 to 1"),
    ],
)
def test_an_array_of_another_form_is_refused(array, rate, error, words):
    with pytest.raises(error, match=words):
        whole(array, rate)


@pytest.mark.parametrize("package", ["soundfile", "kaldi_native_fbank"])
def test_a_missing_package_is_named_with_the_line_that_installs_it(monkeypatch, tmp_path, package):
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=rf"speech needs {package}, .* pip install 'recurra\[speech\]'"):
        read(tmp_path / "a.wav") if package == "soundfile" else LogMel(8000, 40)


# Rates


def tone(rate, height, seconds=0.5):
    return np.sin(2 * np.pi * height * np.arange(int(rate * seconds)) / rate).astype(np.float32)


@pytest.mark.parametrize(
    ("source", "target"), [(44100, 16000), (8000, 16000), (48000, 8000), (22050, 16000), (11025, 8000), (16001, 16000)]
)
def test_a_tone_stays_the_same_tone_at_another_rate(source, target):
    height = 0.3 * min(source, target)
    got = Resampler(source, target).feed(tone(source, height), last=True)
    want = tone(target, height)
    assert abs(len(got) - len(want)) <= 1
    inside = slice(200, min(len(got), len(want)) - 200)  # at the ends it meets silence
    assert np.abs(got[inside] - want[inside]).max() < 2e-3


def test_a_tone_that_the_lower_rate_cannot_hold_is_gone():
    got = Resampler(44100, 16000).feed(tone(44100, 9000), last=True)
    assert np.abs(got[200:-200]).max() < 2e-3


@pytest.mark.parametrize(("source", "target"), [(44100, 16000), (8000, 11025), (3, 2), (8000, 8000)])
def test_resampled_in_pieces_is_resampled_whole(random, source, target):
    sound = random.normal(size=9000).astype(np.float32)
    want = Resampler(source, target).feed(sound, last=True)
    assert len(want) == -(-9000 * target // source)
    pieces, at, resampler = [], 0, Resampler(source, target)
    while at < 9000:
        size = int(random.integers(0, 700))
        pieces.append(resampler.feed(sound[at : at + size], last=at + size >= 9000))
        at += size
    assert np.array_equal(np.concatenate(pieces), want)


def test_a_resampler_gives_what_it_says(random):
    sound = random.normal(size=100)
    for rates in ((8000, 8000), (8000, 4000)):
        assert Resampler(*rates).feed(sound, last=True).dtype == np.float32
        with pytest.raises(ShapeError, match=r"the samples are \(50, 2\); expected \(samples,\)"):
            Resampler(*rates).feed(sound.reshape(50, 2))
    for rates in ((0, 8000), (8000, -1), (8000.0, 8000)):
        with pytest.raises(ConfigError, match="is no sampling rate; expected whole samples a second, 1 or more"):
            Resampler(*rates)


# Features


def test_bands_that_cannot_be_are_told_in_the_right_words():
    with pytest.raises(ConfigError, match="`mels` is 0; expected a whole number of bands, 3 or more"):
        LogMel(8000, 0)
    with pytest.raises(ConfigError, match="`rate` is 0; expected whole samples a second, 1,000 to"):
        LogMel(0, 40)
    with pytest.raises(ShapeError, match=r"the samples are \(900, 2\); expected \(samples,\), one channel"):
        LogMel(8000, 40).feed(np.zeros((900, 2), np.float32))


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 44100])
def test_frames_are_counted_as_they_come(random, rate):
    for samples in (0, 100, rate * 25 // 1000 - 1, rate * 25 // 1000, rate, rate + 7):
        sound = random.normal(size=samples).astype(np.float32)
        assert LogMel(rate, 20).feed(sound).shape == (count(samples, rate), 20)
        followed = frames_of(sound, rate, 20, "global")
        assert followed.shape == (count(samples + int(TAIL * rate), rate), 20)
        assert np.allclose(followed[count(samples, rate) + 3 :], followed[-1]), "silence follows every recording"


def test_a_tone_is_loudest_in_its_band_and_pieces_give_the_same():
    sound = tone(16000, 1000)
    frames = LogMel(16000, 40).feed(sound)
    mel = lambda hertz: 1127 * np.log(1 + hertz / 700)  # noqa: E731 (the field's formula)
    band = (mel(1000) - mel(20)) / (mel(8000) - mel(20)) * 41 - 1
    assert abs(frames.mean(0).argmax() - band) <= 0.5
    online = LogMel(16000, 40)
    pieces = [online.feed(sound[at : at + 333]) for at in range(0, len(sound), 333)]
    assert np.array_equal(np.concatenate(pieces), frames)


def test_a_file_can_be_normalised_by_itself(random):
    sound = random.normal(size=8000).astype(np.float32) * 0.1
    quiet, loud = (frames_of(sound * gain, 8000, 20, "file") for gain in (0.1, 1.0))
    heard = slice(count(8000, 8000))  # without the silence that follows
    assert np.allclose(quiet[heard].mean(0), 0, atol=1e-3)
    assert np.allclose(quiet[heard].std(0), 1, atol=1e-3)
    assert quiet.min() == -5
    assert np.allclose(quiet[heard], loud[heard], atol=2e-3), "loudness is gone"
    silence = frames_of(np.zeros(8000, np.float32), 8000, 20, "file")
    assert np.abs(silence).max() < 1e-6, "silence is no division by zero"


# What is done to recordings


def test_recordings_are_joined_with_pauses(random):
    one, two = np.full(800, 0.5, np.float32), np.full(400, -0.5, np.float32)
    lengths, at_once = set(), 0
    for _ in range(40):
        sound = join([one, two], 8000, random, pause=0.1)
        at_once += sound[0] != 0
        assert np.array_equal(sound[sound != 0], np.concatenate([one, two]))
        assert 1200 <= len(sound) <= 1200 + 3 * 800
        lengths.add(len(sound))
    assert len(lengths) > 10
    assert 10 < at_once < 30, "half of them begin without a pause"
    assert np.array_equal(join([one], 8000, random, pause=0), one)


def test_noise_is_as_loud_as_asked(random):
    sound = tone(8000, 440)
    below = []
    for _ in range(50):
        noise = mix.noisy(sound, random, 10.0) - sound
        below.append(10 * np.log10(np.square(sound).mean() / np.square(noise).mean()))
    assert 9.9 < min(below) < 15
    assert 35 < max(below) < 40.1
    assert mix.noisy(sound, random, None) is sound
    assert np.array_equal(mix.noisy(np.zeros(100, np.float32), random, 10.0), np.zeros(100)), "silence stays silent"


def test_speed_and_loudness_vary(random):
    sound = tone(8000, 440)
    data = SpeechDataConfig(speed=0.1, gain=6.0)
    varied = [mix.varied(sound, random, data) for _ in range(40)]
    assert {len(one) for one in varied} == {3637, 4000, 4445}, "faster by a tenth, as it is, slower by a tenth"
    peaks = [np.abs(one[500:-500]).max() for one in varied]
    assert 0.5 <= min(peaks) < 0.7
    assert 1.4 < max(peaks) <= 2.0


def test_a_small_change_of_speed_is_one(random):
    data = SpeechDataConfig(speed=0.004, gain=0.0)
    assert {len(mix.varied(np.zeros(9960), random, data)) for _ in range(20)} == {9921, 9960, 10_000}


def test_masks_blank_out_bands_and_stretches_of_time(random):
    frames, fill = np.ones((200, 40), np.float32), np.full(40, 7, np.float32)
    data = SpeechDataConfig(time_masks=1, time_mask=0.2, band_masks=1, band_mask=8)
    rows, columns = set(), set()
    for _ in range(50):
        blank = mix.masked(frames, random, data, fill) == 7
        rows.add(int(blank.all(1).sum()))
        columns.add(int(blank.all(0).sum()))
        assert np.array_equal(blank, blank.all(1)[:, None] | blank.all(0)[None])
    assert max(rows) <= 40
    assert len(rows) > 10
    assert max(columns) == 8
    assert (frames == 1).all(), "what came is left as it was"


# Lists of recordings


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_an_ogg_file_cut_off_anywhere_is_said(tmp_path, subtype):
    noise = np.random.default_rng(0).normal(0, 0.1, 48_000).astype(np.float32)
    soundfile.write(tmp_path / "a.ogg", noise, 16_000, format="OGG", subtype=subtype)
    whole = (tmp_path / "a.ogg").read_bytes()
    assert len(np.concatenate(list(read(tmp_path / "a.ogg")[1]))) == 48_000
    for kept in (len(whole) - 1, len(whole) * 9 // 10, len(whole) // 2):
        (tmp_path / "b.ogg").write_bytes(whole[:kept])
        with pytest.raises(DataError, match=r"b.ogg is cut off: its last page of sound is not whole. Copy it again"):
            read(tmp_path / "b.ogg")


@pytest.fixture
def recordings(tmp_path):
    for name in ("a.wav", "b.flac"):
        soundfile.write(tmp_path / name, np.zeros(100), 8000)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("list.csv", 'path,text,speaker\na.wav,"one, two",x\nb.flac,three,y\n'),
        ("list.tsv", "\ufefftext\tpath\none, two\ta.wav\nthree\tb.flac\n"),
    ],
)
def test_a_table_names_recordings_and_texts(recordings, name, content):
    (recordings / name).write_text(content, "utf-8")
    assert read_manifest(recordings / name) == [(recordings / "a.wav", "one, two"), (recordings / "b.flac", "three")]


def test_a_quote_between_tabs_is_a_quote(recordings):
    (recordings / "list.tsv").write_text('path\ttext\na.wav\t"one\nb.flac\ttwo\n')
    assert [text for _, text in read_manifest(recordings / "list.tsv")] == ['"one', "two"]


def test_a_folder_has_texts_beside_its_recordings(recordings):
    (recordings / "a.txt").write_text("one two\n")
    with pytest.raises(DataError, match=r"b.flac has no text beside it: b.txt cannot be read"):
        read_manifest(recordings)
    (recordings / "b.txt").write_text("three")
    assert read_manifest(recordings) == [(recordings / "a.wav", "one two\n"), (recordings / "b.flac", "three")]
    (recordings / "b.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match=r"b.txt is not UTF-8"):
        read_manifest(recordings)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("none.csv", None, "none.csv cannot be read: No such file"),
        ("list.txt", "a.wav one", "list.txt is no list of recordings; expected .csv or .tsv"),
        ("list.csv", "file,words\na.wav,one\n", "has no column `path`; its first line has: file, words"),
        ("list.csv", "path;text\na.wav;one\n", "has no column `path`; its first line has: path;text"),
        ("list.csv", "", "list.csv is empty; expected a first row that names the columns"),
        ("list.csv", "path,text\na.wav,one, two\n", "line 2: 3 cells; expected 2, as in the first row; quote a cell"),
        ("list.csv", "path,text\n", "list.csv names no recordings"),
        ("list.csv", "path,text\na.wav,one\nb.flac,\n", "line 3: expected a path and a text, got 'b.flac', ''"),
        ("list.csv", "path,text\na.wav,one\nc.wav,two\n", "line 3: there is no file .*c.wav"),
        ("list.csv", 'path,text\na.wav,"one\nb.flac,two\n', "list.csv, line 2: a quotation mark has no end"),
        ("list.csv", b"path,text\na.wav,\xff\n", "list.csv is not UTF-8: byte 16 is 0xFF"),
    ],
)
def test_a_bad_table_is_one_clear_line(recordings, name, content, words):
    if content is not None:
        (recordings / name).write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(RecurraError, match=words):
        read_manifest(recordings / name)


def test_a_folder_without_sound_is_refused(tmp_path):
    with pytest.raises(DataError, match="has no sound files"):
        read_manifest(tmp_path)
