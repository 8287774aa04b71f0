"""What FFmpeg reads: compressed sound in every container, whole."""

import numpy as np
import pytest

from recurra.errors import ConfigError, DataError
from recurra.tasks.speech.sound import BLOCK, read

av = pytest.importorskip("av")
soundfile = pytest.importorskip("soundfile")


@pytest.fixture(scope="module")
def wave():
    random = np.random.default_rng(0)
    return (0.3 * np.sin(np.arange(160_000) * 0.2) * (random.random(160_000) < 0.9)).astype(np.float32)


def encode(path, wave, codec, rate):
    """A file with one stream of sound."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
        frame.sample_rate = 16_000
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    return path


def whole(path):
    rate, blocks = read(path)
    return rate, np.concatenate(list(blocks))


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [("a.m4a", "aac", 16_000), ("a.mp4", "aac", 16_000), ("a.webm", "libopus", 48_000), ("a.opus", "libopus", 48_000)],
)
def test_what_telephones_and_browsers_record_is_read(tmp_path, wave, name, codec, rate):
    found, sound = whole(encode(tmp_path / name, wave, codec, rate))
    assert found == rate
    assert len(sound) / rate == pytest.approx(10, abs=0.15)
    assert np.sqrt(np.square(sound).mean()) == pytest.approx(np.sqrt(np.square(wave).mean()), rel=0.05)


def mp3(path, wave):
    soundfile.write(path, wave, 16_000, format="MP3", bitrate_mode="VARIABLE", compression_level=0.9)
    return path.read_bytes()


def test_an_mp3_file_is_read_to_its_end_whatever_it_says_of_its_length(tmp_path, wave):
    """Its first half is noise, its second silence: from the bytes of the first seconds its length is guessed too short."""
    noise = np.random.default_rng(0).normal(0, 0.3, 80_000).clip(-1, 1)
    content = mp3(tmp_path / "a.mp3", np.r_[noise, np.zeros(80_000)])
    (tmp_path / "a.mp3").write_bytes(content.replace(b"Xing", bytes(4)).replace(b"Info", bytes(4)))
    rate, blocks = read(tmp_path / "a.mp3")
    lengths = list(map(len, blocks))
    assert 160_000 <= sum(lengths) < 164_000
    assert lengths[0] >= BLOCK, "in blocks, not in frames of some milliseconds"


def test_a_cover_before_the_sound_is_no_sound(tmp_path, wave):
    content = mp3(tmp_path / "a.mp3", wave)
    picture = b"\0image/png\0\3\0" + np.random.default_rng(0).bytes(50_000)
    tag = b"APIC" + len(picture).to_bytes(4) + bytes(2) + picture
    size = bytes(len(tag) >> shift & 127 for shift in (21, 14, 7, 0))
    (tmp_path / "b.mp3").write_bytes(b"ID3\3\0\0" + size + tag + content)
    assert np.array_equal(whole(tmp_path / "b.mp3")[1], whole(tmp_path / "a.mp3")[1])


def test_what_has_no_sound_and_what_breaks_off_is_one_line(tmp_path, wave):
    content = encode(tmp_path / "a.m4a", wave, "aac", 16_000).read_bytes()
    (tmp_path / "b.m4a").write_bytes(content[: len(content) // 2])
    with pytest.raises(
        DataError, match=r"b\.m4a cannot be read as sound \(.*\); expected WAV, FLAC, MP3, Ogg, Opus, M4A"
    ):
        whole(tmp_path / "b.m4a")
    content = mp3(tmp_path / "a.mp3", wave)
    (tmp_path / "b.mp3").write_bytes(content[: len(content) // 2])
    assert 70_000 < len(whole(tmp_path / "b.mp3")[1]) < 90_000, "it cannot be known that there was more"
    with av.open(str(tmp_path / "film.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 16
        for packet in (*stream.encode(av.VideoFrame(16, 16, "yuv420p")), *stream.encode(None)):
            container.mux(packet)
    with pytest.raises(DataError, match=r"film\.mp4 has no sound in it, only video"):
        whole(tmp_path / "film.mp4")


def test_frames_that_cannot_be_decoded_are_passed_over(tmp_path, wave):
    content = bytearray(mp3(tmp_path / "a.mp3", wave))
    content[2000:2300] = bytes(300)
    (tmp_path / "a.mp3").write_bytes(content)
    assert len(whole(tmp_path / "a.mp3")[1]) > 150_000


def test_without_the_package_the_line_that_installs_it_is_said(tmp_path, wave, monkeypatch):
    mp3(tmp_path / "a.mp3", wave)
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(
        ConfigError, match=r"speech needs av, which is missing. Install it: pip install 'recurra\[speech\]'"
    ):
        read(tmp_path / "a.mp3")
