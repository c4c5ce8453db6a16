"""A catalogue with videos: found, looked at, told of, and encoded anew when they change."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sosie
from sosie.config import parse_config
from sosie.engine import writing

sys.path.append(str(Path(__file__).parents[1] / "media"))
from clips import clip, plain


def look(pixels):
    return pixels.reshape(len(pixels), 4, 6, 4, 6, 3).mean((2, 4)).reshape(len(pixels), -1) - 120.0


LOOK = [sosie.function_encoder("image", 48, look, "look", size=24)]
OFF = {"enabled": False}
CONFIG = parse_config({"signals": {"text": OFF, "colour": OFF}}, "test")


@pytest.fixture
def shop(tmp_path):
    rows = ["id,title,image,video"]
    for at, one in enumerate(np.random.default_rng(0).integers(0, 256, (9, 4, 4, 3), np.uint8)):
        Image.fromarray(one.repeat(6, 0).repeat(6, 1)).save(tmp_path / f"{at}.png")
        rows.append(f"{at},shirt {at},{at}.png,")
    rows += ["film,film,,clips/a.mp4", "away,away,,https://example.org/a.mp4", "bad,bad,,clips/bad.mp4"]
    (tmp_path / "clips").mkdir()
    clip(tmp_path / "clips" / "a.mp4", [plain("red", (48, 48)), plain("blue", (48, 48))])
    (tmp_path / "clips" / "bad.mp4").write_text("<html>")
    (tmp_path / "catalogue.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def build(shop):
    return sosie.build(shop / "catalogue.csv", shop / "store", encoders=LOOK, config=CONFIG)


def test_videos_are_looked_at_and_their_changes_seen(shop):
    store = build(shop)
    assert store["film"].videos == (str(shop / "clips" / "a.mp4"),)
    assert store["away"].videos == ("https://example.org/a.mp4",)
    before, away = store.vectors("image", ["film", "away"])
    assert before.any()
    assert not away.any()
    (note,) = store.report.notes
    assert note.startswith("1 products have pictures of which none could be read: ")
    assert "bad.mp4: can't be read as a video" in note
    clip(shop / "clips" / "a.mp4", [plain("lime", (48, 48)), plain("yellow", (48, 48))])
    again = build(shop)
    assert again.report.changes.changed == 1
    assert again.report.encoded["image"] == 1
    assert not np.allclose(again.vectors("image", ["film"])[0], before)


def test_without_the_library_one_note_names_it(shop, monkeypatch):
    monkeypatch.setattr(writing, "can_open_videos", lambda: False)
    monkeypatch.setattr("sosie.encoders.pictures.frame_refs", lambda video, count: ())
    store = build(shop)
    (note,) = store.report.notes
    assert note.startswith("2 products have videos;")
    assert "pip install 'sosie[video]'" in note
    assert not store.vectors("image", ["film"]).any()


def test_switched_off_videos_are_nothing_to_tell_of(shop):
    off = parse_config({"signals": {"text": OFF, "colour": OFF, "image": {"frames": 0}}}, "test")
    assert sosie.build(shop / "catalogue.csv", shop / "store", encoders=LOOK, config=off).report.notes == ()


def test_a_path_out_of_the_catalogue_s_folder_is_refused(shop, tmp_path_factory):
    outside = clip(tmp_path_factory.mktemp("outside") / "a.mp4", [plain("red")])
    with (shop / "catalogue.csv").open("a") as file:
        file.write(f"out,out,,{outside}\n")
    store = build(shop)
    assert store["out"].videos == ()
    assert "lies outside" in (shop / "store" / "rejects.jsonl").read_text()
