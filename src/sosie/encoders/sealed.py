"""Folders of learned encoders, which travel: every file is listed with its content, and nothing else is opened."""

import json
import shutil
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

from sosie.encoders.export import file_key
from sosie.encoders.state import FILE, read_state, write_state
from sosie.errors import EncoderError

PICKLED = (".bin", ".ckpt", ".joblib", ".pickle", ".pkl", ".pt", ".pth")  # opening such a file may run what it holds
_OWN = ("encoder", "files", "seal")


def write_sealed(folder: Path, name: str, values: Mapping[str, Any], files: Mapping[str, Path]) -> None:
    """Write settings and copies of files (name in the folder -> where it lies) and seal them. Raises EncoderError."""
    write_state(folder, name, values)
    for inside, source in files.items():
        try:
            shutil.copyfile(source, folder / inside)
        except OSError as error:
            raise EncoderError(f"{folder / inside}: can't be written ({error.strerror}).") from error
    seal(folder)


def seal(folder: Path) -> None:
    """List in `encoder.json` what lies in the folder now, whatever its name. Raises EncoderError: damaged, a pickle."""
    values = read_state(folder)
    name = values["encoder"]
    plain = {key: value for key, value in values.items() if key not in _OWN}
    _refuse_pickles(folder)
    listed = {file.relative_to(folder).as_posix(): file_key(file) for file in _files(folder)}
    content = {**plain, "files": listed}
    write_state(folder, name, {**content, "seal": _digest(name, content)})


def read_sealed(folder: Path, name: str) -> dict[str, Any]:
    """The settings that were written, after every listed file was compared. Raises EncoderError naming the file."""
    values = read_state(folder, name)
    _refuse_pickles(folder)
    content = {key: value for key, value in values.items() if key not in ("encoder", "seal")}
    files = content.get("files")
    if not isinstance(files, dict) or values.get("seal") != _digest(name, content):
        raise _changed(folder / FILE)
    for inside, key in files.items():
        if not (folder / inside).is_file():
            raise EncoderError(f"{folder / inside}: is missing; {_CURE}")
        if file_key(folder / inside) != key:
            raise _changed(folder / inside)
    return content


_CURE = "take the whole folder anew from where it came from, or train again."


def _changed(file: Path) -> EncoderError:
    return EncoderError(f"{file}: was changed after the encoder was written; {_CURE}")


def _refuse_pickles(folder: Path) -> None:
    for file in _files(folder):
        if file.suffix.lower() in PICKLED:
            raise EncoderError(
                f"{file}: may be a pickle, which can run a program when it is opened; an encoder needs none. "
                "Remove the file if you trust where the folder comes from."
            )


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file() and file != folder / FILE)


def _digest(name: str, content: Mapping[str, Any]) -> str:
    text = json.dumps([name, content], ensure_ascii=False, sort_keys=True)
    return blake2b(text.encode(), digest_size=16).hexdigest()
