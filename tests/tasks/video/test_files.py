"""Clips read from images, GIFs, arrays and videos, and the line for each that cannot be read."""

import os
import struct
import sys

import av
import numpy as np
import pytest
from helpers.video_clips import NOISE, clips_in
from PIL import Image

from recurra.errors import ConfigError, DataError, RunError, ShapeError
from recurra.tasks.video import read_clips, write_frames
from recurra.tasks.video.config import ClipsConfig

random = np.random.default_rng(0)


@pytest.fixture
def folder(tmp_path):
    return tmp_path, clips_in(tmp_path)


def test_the_same_frames_from_images_a_gif_an_array_and_a_video(folder):
    path, frames = folder
    for name in ("images", "clip.gif", "clip.npy"):
        (clip,) = read_clips(path / name, ClipsConfig(grey=True))
        assert np.array_equal(clip[..., 0], frames), name
    (clip,) = read_clips(str(path / "clip.mp4"), ClipsConfig(grey=True))
    assert clip.shape == (3, 16, 24, 1)
    assert np.abs(clip[..., 0].astype(int) - frames).mean() < 12, "compressed, but the same"
    assert read_clips(path / "clip.mp4")[0].shape == (3, 16, 24, 3)
    every = read_clips([path / "images", path / "clip.gif", path / "clip.npy"], ClipsConfig(every=2, grey=True))
    assert all(np.array_equal(clip[..., 0], frames[::2]) for clip in every)
    smaller = read_clips([path / "images", path / "clip.mp4"], ClipsConfig(shorter_side=8, grey=True))
    assert [clip.shape for clip in smaller] == [(3, 8, 12, 1)] * 2


def test_a_folder_holds_clips(folder):
    path, _ = folder
    assert len(read_clips(path, ClipsConfig(grey=True))) == 4


def test_files_that_cannot_be(folder):
    path, frames = folder
    Image.fromarray(frames[0, :5]).save(path / "images/f11.png")
    with pytest.raises(DataError, match="frame 4 is 24×5 grey, but the first is 24×16 grey"):
        read_clips(path / "images")
    (path / "empty").mkdir()
    with pytest.raises(DataError, match="empty has no clips in it; expected images"):
        read_clips(path / "empty")
    whole = {kind: (path / f"clip.{kind}").read_bytes() for kind in ("gif", "npy", "mp4")}
    words = {
        "gif": "is damaged, or no image",
        "npy": "is not an array|is damaged, or no array",
        "mp4": "is damaged, or no video",
    }
    for kind, told in words.items():
        for name, content in {"text": b"these are words", "cut": whole[kind][:40], "nothing": b""}.items():
            file = path / f"{name}.{kind}"
            file.write_bytes(content)
            with pytest.raises(DataError, match=told) as caught:
                read_clips(file)
            assert str(file) in str(caught.value)
    np.save(path / "flat.npy", np.zeros(3))
    with pytest.raises(DataError, match=r"flat.npy holds \(3,\); expected \(frames, height, width"):
        read_clips(path / "flat.npy")
    np.save(path / "objects.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(DataError, match=r"objects\.npy is not an array of numbers"):
        read_clips(path / "objects.npy")
    with pytest.raises(ShapeError, match=r"all clips need frames of one size. From files, `shorter_side` brings some"):
        read_clips([path / "clip.gif", np.zeros((3, 8, 8))])
    with pytest.raises(ConfigError, match=r"ends in '.avi'; frames are written as .gif or .npy"):
        write_frames(path / "x.avi", frames)
    with pytest.raises(RunError, match=r"no/x.gif could not be written: No such file"):
        write_frames(path / "no/x.gif", frames)


def test_grey_frames_take_part_among_coloured_ones(tmp_path):
    """A black frame, a fade, a whole clip: many programs save them without colour."""
    frames = random.integers(0, 256, (5, 8, 12, 3), np.uint8)
    for number, mode in enumerate(("L", "RGB", "P", "LA", "RGB")):
        image = Image.fromarray(frames[number])
        frames[number] = np.asarray(image.convert(mode).convert("RGB"))
        image.convert(mode).save(tmp_path / f"f{number}.png")
    (clip,) = read_clips(tmp_path)
    assert np.array_equal(clip, frames)
    grey = frames[:3, ..., :1]
    coloured, among = read_clips([tmp_path, grey])
    assert np.array_equal(coloured, frames)
    assert np.array_equal(among, np.repeat(grey, 3, -1))
    assert read_clips([grey])[0].shape[-1] == 1, "alone it stays grey"


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "P", "GIF"])
def test_what_lies_under_full_transparency_is_not_seen(tmp_path, mode):
    """A disc on nothing, under which there is noise: nothing is black, as a player shows it."""
    from PIL import Image as pillow

    y, x = np.mgrid[:16, :16]
    for number in range(3):
        disc = (y - 8) ** 2 + (x - 5 - number) ** 2 < 16
        colours = np.where(disc[..., None], 200, random.integers(0, 256, (16, 16, 3))).astype(np.uint8)
        alpha = pillow.fromarray((255 * disc).astype(np.uint8))
        image = pillow.fromarray(colours)
        if mode in ("P", "GIF"):
            image = pillow.fromarray(np.where(disc, 1, 0).astype(np.uint8), "P")
            image.putpalette([255, 0, 255, 200, 200, 200])
            image.info["transparency"] = 0
        else:
            image = image.convert(mode[:-1] if mode != "PA" else "L")
            image.putalpha(alpha)
        if mode == "GIF":
            image.save(tmp_path / f"f{number}.gif", transparency=0)
        elif mode == "PA":
            image.convert("RGBA").save(tmp_path / f"f{number}.png")
        else:
            image.save(tmp_path / f"f{number}.png")
    paths = sorted(tmp_path.glob("*.gif")) or [tmp_path]
    for number, clip in enumerate(np.concatenate(read_clips(paths))):
        disc = (y - 8) ** 2 + (x - 5 - number) ** 2 < 16
        assert (clip[~disc] == 0).all(), "black"
        assert (clip[disc] == 200).all()


def video(path, steps, shape=None):
    """A video of frames at these times, in steps of a 25th of a second, and with pixels of this shape."""
    from fractions import Fraction

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 25)
        if shape:
            stream.codec_context.sample_aspect_ratio = Fraction(*shape)
        for number in steps:
            frame = av.VideoFrame.from_ndarray(np.full((16, 16), 5 * number, np.uint8), format="gray")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def test_a_changing_frame_rate_and_pixels_that_are_not_square_are_said(tmp_path):
    even = video(tmp_path / "even.mp4", range(20))
    assert len(read_clips(even)[0]) == 20, "without a warning, which would be an error here"
    uneven = video(tmp_path / "uneven.mp4", [*range(10), *range(10, 30, 2)])
    with pytest.warns(
        UserWarning, match=r"uneven\.mp4: its frame rate changes, from 12\.5 to 25 a second; .* as they are stored"
    ):
        assert len(read_clips(uneven)[0]) == 20
    wide = video(tmp_path / "wide.mp4", range(3), (16, 11))
    with pytest.warns(
        UserWarning, match=r"wide\.mp4: its pixels are not square, 16:11; .* narrower than they are shown"
    ):
        read_clips(wide)


def test_a_picture_among_videos_is_named(tmp_path):
    clips_in(tmp_path)
    assert len(read_clips(tmp_path, ClipsConfig(grey=True))) == 4
    Image.new("RGB", (8, 8)).save(tmp_path / "thumbnail.png")
    with pytest.raises(
        DataError,
        match=r"has pictures, such as thumbnail\.png \(1 in all\), among clips, such as clip\.gif \(3\)\. Move the",
    ):
        read_clips(tmp_path)


@pytest.mark.parametrize("kind", ["uint8", "float32", "float64"])
def test_arrays_are_made_smaller_and_grey_as_images_are(tmp_path, kind):
    frames = random.integers(60, 190, (3, 16, 24, 3), np.uint8)  # bytes are clipped between two passes, numbers are not
    (tmp_path / "images").mkdir()
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(tmp_path / f"images/{number}.png")
    np.save(tmp_path / "a.npy", frames if kind == "uint8" else (frames / 255).astype(kind))
    np.save(tmp_path / "grey.npy", frames[..., 0])
    for config in (dict(grey=True), dict(shorter_side=8), dict(grey=True, shorter_side=8, every=2)):
        (want,), (got,) = (read_clips(tmp_path / name, ClipsConfig(**config)) for name in ("images", "a.npy"))
        assert got.shape == want.shape
        assert got.dtype == ("uint8" if kind == "uint8" else "float32")
        assert np.abs(got.astype(float) * (1 if kind == "uint8" else 255) - want).max() < 2, config
    assert read_clips(tmp_path / "grey.npy", ClipsConfig(shorter_side=8))[0].shape == (3, 8, 12, 1)
    np.save(tmp_path / "a.npy", frames > 120)
    assert read_clips(tmp_path / "a.npy", ClipsConfig(grey=True, shorter_side=8))[0].shape == (3, 8, 12, 1)
    np.save(tmp_path / "a.npy", frames * 1.0)
    with pytest.raises(DataError, match=r"holds numbers from \d+ to \d+; .* divide by 255"):
        read_clips(tmp_path / "a.npy", ClipsConfig(grey=True))


def test_photographs_stand_as_the_camera_was_held(tmp_path):
    picture = Image.fromarray(NOISE[0][0])
    for orientation, turns in {1: 0, 3: 2, 6: 3, 8: 1}.items():
        told = picture.getexif()
        told[0x0112] = orientation
        picture.save(tmp_path / "a.png", exif=told)
        assert np.array_equal(read_clips(tmp_path)[0][0, ..., 0], np.rot90(NOISE[0][0], turns)), orientation


@pytest.mark.parametrize(("turns", "matrix"), [(3, (0, 1, 0, -1, 0)), (1, (0, -1, 0, 1, 0)), (2, (-1, 0, 0, 0, -1))])
def test_videos_stand_as_the_camera_was_held(tmp_path, folder, turns, matrix):
    """An MP4 says in a matrix how its pictures are to be turned."""
    if not hasattr(av.VideoFrame, "rotation"):
        pytest.skip("this PyAV does not tell")
    flat = read_clips(folder[0] / "clip.mp4")[0]
    plain = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
    turned = struct.pack(">9i", *(65536 * number for number in matrix), 0, 0, 0, 1 << 30)
    content = (folder[0] / "clip.mp4").read_bytes()
    at = content.index(plain, content.index(b"tkhd"))
    (tmp_path / "turned.mp4").write_bytes(content[:at] + turned + content[at + len(plain) :])
    assert np.array_equal(read_clips(tmp_path / "turned.mp4")[0], np.rot90(flat, turns, (1, 2)))


@pytest.mark.parametrize("mode", ["I;16", "I;16B"])
def test_sixteen_bits_are_refused(tmp_path, mode):
    Image.frombytes(mode, (4, 4), bytes(range(32))).save(tmp_path / "a.tif")
    with Image.open(tmp_path / "a.tif") as image:
        assert image.mode == mode
    with pytest.raises(DataError, match=f"its pixels are of the kind '{mode}'; expected 8 bits a colour"):
        read_clips(tmp_path / "a.tif")


def test_arrays_that_cannot_be_read_in_our_words(tmp_path):
    np.savez(tmp_path / "zip", a=NOISE)
    np.save(tmp_path / "whole.npy", NOISE[0])
    np.save(tmp_path / "objects.npy", np.array([{}]), allow_pickle=True)
    files = {
        b"these are words": "it does not begin as such files do. Write one with numpy.save",
        (tmp_path / "whole.npy").read_bytes()[:-9]: "it is cut off or damaged",
        (tmp_path / "whole.npy").read_bytes()[:30]: "is damaged, or no array of numbers",
        (tmp_path / "objects.npy").read_bytes(): "it holds Python objects; expected numbers",
        (tmp_path / "zip.npz").read_bytes(): "holds several arrays; expected one",
    }
    for content, words in files.items():
        (tmp_path / "a.npy").write_bytes(content)
        with pytest.raises(DataError, match=words) as caught:
            read_clips(tmp_path / "a.npy")
        assert "pickle" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.avi", "mpeg4", {}),
        ("a.mkv", "mpeg4", {}),
        ("a.webm", "libvpx", {}),
        ("a.mov", "mpeg4", {"movflags": "faststart"}),
        ("a.mp4", "mpeg4", {"movflags": "faststart"}),
        ("b.mp4", "mpeg4", {"movflags": "frag_keyframe+empty_moov"}),
        ("live.mkv", "mpeg4", {"live": "1"}),
        ("a.mpg", "mpeg2video", {}),
        ("a.wmv", "wmv2", {}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_video_that_is_cut_off(tmp_path, name, codec, options):
    with av.open(str(tmp_path / name), "w", options=options) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for _ in range(30):
            pixels = random.integers(0, 256, (32, 32), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="gray")))
        container.mux(stream.encode())
    assert len(read_clips(tmp_path / name)[0]) == 30
    if name in ("live.mkv", "a.mpg", "a.wmv"):  # these say nothing of their size
        return
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(DataError, match=rf"{name} is cut off: it has [\d,]+ of the [\d,]+ bytes") as caught:
        read_clips(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["images", "clip.gif", "clip.mp4", "clip.npy"])
def test_a_clip_is_refused_before_it_takes_more_memory_than_it_may(tmp_path, name):
    frames = random.integers(0, 256, (12, 400, 600), np.uint8)
    if name == "images":
        (tmp_path / name).mkdir()
        for number, frame in enumerate(frames):
            Image.fromarray(frame).save(tmp_path / f"{name}/{number}.png")
    elif name.endswith("mp4"):
        with av.open(str(tmp_path / name), "w") as container:
            stream = container.add_stream("mpeg4", rate=10, width=600, height=400)
            for frame in frames:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="gray")))
            container.mux(stream.encode())
    else:
        write_frames(tmp_path / name, frames)
    with pytest.raises(
        DataError, match=r"would take the clip to \d MB of memory; .*2 allows 2 MB. .* or `grey`, or raise that limit"
    ) as refusal:
        read_clips(tmp_path / name, ClipsConfig(clip_memory=2))
    assert str(tmp_path / name) in str(refusal.value)
    assert refusal.value.settings[0].name == "clip_memory"
    assert read_clips(tmp_path / name, ClipsConfig(clip_memory=40))[0].shape[:3] == (12, 400, 600)


BOMBS = {
    # One frame of 40,000 × 30,000 that says nothing of its pixels, in 40 bytes.
    "a.gif": b"GIF89a" + struct.pack("<HHBBB", 4, 4, 0x80, 0, 0) + bytes(6)
    + b"," + struct.pack("<HHHHB", 0, 0, 40_000, 30_000, 0) + b"\x02\x02\x44\x01\x00;",
    "a.npy": b"\x93NUMPY\x01\x00" + struct.pack("<H", 118)
    + b"{'descr': '|u1', 'fortran_order': False, 'shape': (1000000, 1000, 1000), }".ljust(117) + b"\n",
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_file_that_asks_for_much_memory(tmp_path, name):
    (tmp_path / name).write_bytes(BOMBS[name])
    with pytest.raises(DataError, match=r"too large; .*256 allows 256 MB|is longer than the file"):
        read_clips(tmp_path / name)


def test_a_large_picture_that_is_small_as_a_file(tmp_path):
    Image.new("L", (12_000, 12_000)).save(tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size < 200_000
    with pytest.raises(DataError, match=r"a.png.* too large; .*256 allows 256 MB"):
        read_clips(tmp_path)


@pytest.mark.parametrize(
    "content",
    ["#EXTM3U\n#EXTINF:1,\nother.mp4\n#EXT-X-ENDLIST\n", "ffconcat version 1.0\nfile other.mp4\n"],
    ids=["hls", "concat"],
)
def test_a_list_of_other_files_is_no_video(folder, tmp_path, content):
    (tmp_path / "other.mp4").write_bytes((folder[0] / "clip.mp4").read_bytes())
    (tmp_path / "a.mp4").write_text(content)
    with pytest.raises(DataError, match=r"a.mp4 is damaged, or no video"):
        read_clips(tmp_path / "a.mp4")


def test_a_pipe_and_a_device_are_no_clip(tmp_path):
    for name in ("a.npy", "a.gif", "a.mp4"):
        os.mkfifo(tmp_path / name)
        with pytest.raises(DataError, match=rf"there is no file or folder .*{name}"):
            read_clips(tmp_path / name)


def test_without_the_reader_the_line_to_install_it(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ConfigError, match=r"pip install 'recurra\[video\]'"):
        read_clips(folder[0] / "clip.mp4")
