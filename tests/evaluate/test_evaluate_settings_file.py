"""Settings written into a file: what people wrote stays, what comes out can be built with."""

import tomllib

import pytest

from sosie.config import Config, parse_config, read_config
from sosie.errors import ConfigError
from sosie.evaluate.settings_file import write_settings

CHANGES = {"signals.image.weight": 2.5, "signals.text.enabled": False, "signals.given.look": 0.0}


def test_a_new_file_holds_the_changes_and_what_the_store_has(tmp_path):
    present = parse_config({"signals": {"image": {"size": 128}, "price": {"rates": {"EUR": 1.1}}}}, "test")
    file = tmp_path / "deep" / "sosie.toml"
    write_settings(file, present, CHANGES)
    config = read_config(file)
    assert config.signals.image.weight == 2.5
    assert config.signals.image.size == 128
    assert not config.signals.text.enabled
    assert dict(config.signals.given) == {"look": 0.0}
    assert config.signals.price.rates == {"EUR": 1.1}
    assert "weight" not in tomllib.loads(file.read_text())["signals"]["price"]  # defaults are not written


TABLES = """\
# how our shop is built
[build]
max_rejects = 0.5  # the supplier's file is bad

[signals.image]
weight = 0.7  # chosen by hand
pictures = 2
"""
DOTTED = """\
build.max_rejects = 0.5 # the supplier's file is bad
signals.image.weight = 0.7
signals.image.pictures = 2
"""
INLINE = """\
build = { max_rejects = 0.5 } # the supplier's file is bad
[signals]
image = { weight = 0.7, pictures = 2 }
"""
APART = """\
[signals.image]
weight = 0.7
pictures = 2
[build] # the supplier's file is bad
max_rejects = 0.5
[signals.words]
dim = 64
[index]
codes_from = 100
"""
WAYS = [TABLES, TABLES.replace("\n", "\r\n"), DOTTED, DOTTED + "[index]\ncodes_from = 9\n", INLINE, APART]


@pytest.mark.parametrize("text", WAYS)
def test_what_people_wrote_stays(tmp_path, text):
    file = tmp_path / "sosie.toml"
    file.write_bytes(text.encode())
    before = read_config(file)
    write_settings(file, parse_config({"build": {"max_rejects": 0.1}}, "test"), CHANGES)
    after = read_config(file)
    written = file.read_bytes().decode()
    assert "the supplier's file is bad" in written
    assert after.build.max_rejects == 0.5  # the file says otherwise than the store
    assert (after.signals.image.weight, after.signals.image.pictures) == (2.5, 2)
    assert not after.signals.text.enabled
    assert (after.signals.words, after.index) == (before.signals.words, before.index)
    kept = [line for line in text.splitlines(keepends=True) if "weight" not in line]
    assert all(line in written for line in kept)
    write_settings(file, Config(), CHANGES)
    assert file.read_bytes().decode() == written


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"[signals\n", "no settings file"),
        (b"\xff\xfe\x00", "no settings file"),
        (b"[signals.imge]\nweight = 1\n", "did you mean 'image'"),
    ],
)
def test_a_file_that_is_no_settings_file_is_left_alone(tmp_path, text, says):
    file = tmp_path / "sosie.toml"
    file.write_bytes(text)
    with pytest.raises(ConfigError, match=says):
        write_settings(file, Config(), CHANGES)
    assert file.read_bytes() == text


def test_a_setting_out_of_bounds_is_not_written(tmp_path):
    file = tmp_path / "sosie.toml"
    with pytest.raises(ConfigError, match=r"signals\.image\.weight"):
        write_settings(file, Config(), {"signals.image.weight": -1.0})
    assert not file.exists()


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(ConfigError, match="Is a directory"):
        write_settings(tmp_path, Config(), CHANGES)
