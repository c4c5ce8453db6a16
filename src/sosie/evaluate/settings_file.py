"""A `sosie.toml` brought up to date: what people wrote in it stays, comments too."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from sosie.config import Config, parse_config
from sosie.errors import ConfigError
from sosie.store.files import write_atomic


def write_settings(file: Path, present: Config, changes: Mapping[str, Any]) -> None:
    """Write changed settings ("signals.image.weight" -> 2.0) into a file, a new one or one that is there.

    Settings of the store that differ from the defaults, and that the file doesn't mention, are written too: it is to
    hold everything that a build needs. Raises ConfigError where the file is no settings file or can't be written.
    """
    try:
        text = file.read_bytes().decode() if file.exists() else ""  # line ends as they are
        plain = tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file}: is no settings file that could be brought up to date ({error}).") from error
    ours = dict(_flat(Config()))
    wanted = {k: v for k, v in _flat(present) if v != ours.get(k) and _get(plain, k) is None} | dict(changes)
    for key, value in wanted.items():
        _set(plain, key, value)
    parse_config(plain, str(file))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(file, _written(file, text, wanted, plain).encode())
    except OSError as error:
        raise ConfigError(f"{file}: can't be written ({error.strerror}).") from error


def _written(file: Path, text: str, wanted: Mapping[str, Any], plain: Mapping[str, Any]) -> str:
    """The text with changed settings, as tables, or as dotted keys where it holds such."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    for dotted in (False, True):
        try:
            document = tomlkit.parse(text)
            for key, value in wanted.items():
                *tables, name = key.split(".")
                inner: Any = document
                for part in tables:
                    if dotted and part not in inner:
                        document.append(tomlkit.key(key.split(".")), tomlkit.item(value))
                        break
                    if part not in inner:
                        inner[part] = tomlkit.table(is_super_table=part == "signals")
                    inner = inner[part]
                else:
                    inner[name] = value
            if tomllib.loads(tomlkit.dumps(document)) == plain:
                return tomlkit.dumps(document)
        except (TOMLKitError, tomllib.TOMLDecodeError):
            continue
    lines = "\n".join(f"  {key} = {tomlkit.item(value).as_string()}" for key, value in wanted.items())
    raise ConfigError(f"{file}: is written in a way that can't be brought up to date; change it by hand:\n{lines}")


def _flat(model: BaseModel, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in model:
        if isinstance(value, BaseModel):
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, dict):
            yield from ((f"{prefix}{name}.{key}", inner) for key, inner in value.items())
        else:
            yield prefix + name, value


def _get(plain: Any, key: str) -> Any:  # noqa: ANN401 - a tree of plain values
    for part in key.split("."):
        if part not in plain:
            return None
        plain = plain[part]
    return plain


def _set(plain: dict[str, Any], key: str, value: object) -> None:
    *tables, name = key.split(".")
    for part in tables:
        plain = plain.setdefault(part, {})
    plain[name] = value
