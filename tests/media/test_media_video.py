"""Frames of videos: which are taken, how they are named, and what is refused."""

import subprocess
import sys
import wave

import numpy as np
import pytest
from clips import clip, plain
from PIL import Image

from sosie.errors import PictureError
from sosie.media import frame_refs, open_picture, picture_hash, picture_problem, picture_size, video

COLOURS = {"red": (255, 0, 0), "lime": (0, 255, 0), "blue": (0, 0, 255)}


def nearest(picture):
    mean = np.asarray(picture).reshape(-1, 3).mean(0)
    return min(COLOURS, key=lambda name: np.abs(mean - COLOURS[name]).sum())


@pytest.fixture(scope="module")
def red_lime_blue(tmp_path_factory):
    return clip(tmp_path_factory.mktemp("clips") / "clip.mp4", [plain(colour) for colour in COLOURS])


@pytest.mark.parametrize("suffix", ["mp4", "webm", "avi", "mkv", "mov"])
def test_frames_lie_in_the_middle_of_equal_parts(tmp_path, suffix):
    file = clip(tmp_path / f"a.{suffix}", list(map(plain, COLOURS)), codec="libvpx" if suffix == "webm" else "mpeg4")
    refs = frame_refs(str(file), 3)
    assert refs == tuple(f"{file}#{number}/3" for number in (1, 2, 3))
    assert [nearest(open_picture(ref)) for ref in refs] == list(COLOURS)
    assert nearest(open_picture(frame_refs(str(file), 1)[0])) == "lime"
    assert picture_size(refs[0]) == (64, 48)


@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_times_are_those_of_the_parts(tmp_path, count):
    greys = [plain((8 * second, 8 * second, 8 * second)) for second in range(30)]
    file = clip(tmp_path / "a.mp4", greys, rate=5)
    seen = [round(np.asarray(open_picture(ref)).mean() / 8) for ref in frame_refs(str(file), count)]
    assert seen == [int((part + 0.5) * 30 / count) for part in range(count)]


def test_a_clip_of_one_frame(tmp_path):
    file = clip(tmp_path / "a.mp4", [plain("red")], seconds=0.1)
    assert [nearest(open_picture(ref)) for ref in frame_refs(str(file), 2)] == ["red", "red"]


def test_a_clip_that_does_not_say_how_long_it_is(tmp_path):
    file = clip(tmp_path / "a.mkv", list(map(plain, COLOURS)), codec="mpeg4")
    content = file.read_bytes()
    at = content.index(b"\x44\x89\x88")  # the element Duration of Matroska, 8 bytes long
    file.write_bytes(content[:at] + b"\xec\x89" + content[at + 2 :])  # now an element of nothing
    assert [nearest(open_picture(ref)) for ref in frame_refs(str(file), 4)] == ["red", "lime", "blue", "blue"]


def test_a_turned_clip_is_upright(tmp_path):
    half = plain("red")
    half.paste("blue", (0, 24, 64, 48))  # red above, blue below
    file = clip(tmp_path / "a.mp4", [half], codec="mpeg4")
    content = bytearray(file.read_bytes())
    at = content.index(b"tkhd") + 44  # the matrix of the track: a quarter turn with the clock
    quarter = [0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30]
    content[at : at + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in quarter)
    file.write_bytes(content)
    picture = open_picture(frame_refs(str(file), 1)[0])
    assert picture.size == (48, 64)
    assert nearest(picture.crop((32, 0, 48, 64))) == "red"  # what was above is now at the right
    assert nearest(picture.crop((0, 0, 16, 64))) == "blue"


def test_hashes_are_of_content_and_place(red_lime_blue, tmp_path):
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(red_lime_blue.read_bytes())
    first, second = (picture_hash(ref) for ref in frame_refs(str(red_lime_blue), 2))
    assert first != second != picture_hash(str(red_lime_blue))
    assert picture_hash(frame_refs(str(copy), 2)[0]) == first
    assert picture_hash(frame_refs(str(copy), 3)[0]) != first


def test_a_picture_of_such_a_name_is_a_picture(tmp_path):
    (tmp_path / "a.mp4#1").mkdir()
    plain("blue").save(tmp_path / "a.mp4#1" / "2", "PNG")
    assert nearest(open_picture(str(tmp_path / "a.mp4#1" / "2"))) == "blue"


def test_what_is_no_video_is_told(tmp_path, red_lime_blue):
    plain("red").save(tmp_path / "picture.png")
    (tmp_path / "page.mp4").write_text("<html>")
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "broken.mp4").write_bytes(red_lime_blue.read_bytes()[:300])
    with wave.open(str(tmp_path / "sound.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(1000))
    for name, told in {
        "picture.png": "can't be read as a video",
        "page.mp4": "can't be read as a video",
        "empty.mp4": "is empty",
        "folder.mp4": "is a folder",
        "gone.mp4": "can't be read",
        "broken.mp4": "can't be read as a video",
        "sound.wav": "can't be read as a video",
    }.items():
        (ref,) = frame_refs(str(tmp_path / name), 1)
        assert name in picture_problem(ref)
        assert told in picture_problem(ref)


def test_a_playlist_opens_no_other_file(tmp_path, red_lime_blue):
    for name, content in {
        "list.mp4": f"#EXTM3U\n#EXTINF:3,\n{red_lime_blue}\n",
        "concat.mp4": f"ffconcat version 1.0\nfile {red_lime_blue}\n",
    }.items():
        (tmp_path / name).write_text(content)
        with pytest.raises(PictureError, match="can't be read as a video"):
            open_picture(frame_refs(str(tmp_path / name), 1)[0])


def test_limits(red_lime_blue, monkeypatch):
    (ref,) = frame_refs(str(red_lime_blue), 1)
    with pytest.raises(PictureError, match="64 x 48 pixels are more than the 3,000"):
        open_picture(ref, max_pixels=3_000)
    monkeypatch.setattr(video, "MAX_SECONDS", 2)
    with pytest.raises(PictureError, match="lasts 3 seconds"):
        open_picture(ref)
    monkeypatch.setattr(video, "MAX_BYTES", 100)
    with pytest.raises(PictureError, match="bytes are more than the 100"):
        open_picture(ref)


def test_a_frame_far_from_any_whole_one_costs_no_more_than_the_limit(tmp_path, monkeypatch):
    greys = [plain((3 * at, 3 * at, 3 * at)) for at in range(60)]  # too alike for a second whole frame
    file = clip(tmp_path / "a.mp4", greys, seconds=0.2, rate=5, gop=600)
    monkeypatch.setattr(video, "MAX_DECODED", 12)
    assert round(np.asarray(open_picture(frame_refs(str(file), 1)[0])).mean() / 3) == 11


def test_a_damaged_end_leaves_the_start(tmp_path):
    noise = [Image.fromarray(np.random.default_rng(at).integers(0, 255, (48, 64, 3), np.uint8)) for at in range(3)]
    file = clip(tmp_path / "a.avi", noise, codec="mpeg4")
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    assert open_picture(frame_refs(str(file), 3)[0]).size == (64, 48)


WITHOUT = """
import sys
sys.modules["av"] = None
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name == "av" else find(name)
from sosie.media import can_open_videos, frame_refs, picture_problem
print(can_open_videos(), frame_refs("a.mp4", 2), picture_problem(sys.argv[1] + "#1/2"))
"""


def test_without_the_library_there_are_no_frames(red_lime_blue):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, str(red_lime_blue)], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("False () ")
    assert "pip install 'sosie[video]'" in done.stdout
