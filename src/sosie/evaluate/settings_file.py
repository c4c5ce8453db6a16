"""A `sosie.toml` brought up to date: what people wrote in it stays, comments too."""

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
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(file.read_text(encoding="utf-8")) if file.exists() else tomlkit.document()
    except (OSError, UnicodeDecodeError, TOMLKitError) as error:
        raise ConfigError(f"{file}: is no settings file that could be brought up to date ({error}).") from error
    plain = dict(_flat(Config()))
    for key, value in _flat(present):
        if value != plain.get(key) and _get(document, key) is None:
            _set(document, key, value)
    for key, value in changes.items():
        _set(document, key, value)
    text = tomlkit.dumps(document)
    parse_config(document.unwrap(), str(file))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(file, text.encode())
    except OSError as error:
        raise ConfigError(f"{file}: can't be written ({error.strerror}).") from error


def _flat(model: BaseModel, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in model:
        if isinstance(value, BaseModel):
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, dict):
            yield from ((f"{prefix}{name}.{key}", inner) for key, inner in value.items())
        else:
            yield prefix + name, value


def _get(document: Any, key: str) -> Any:  # noqa: ANN401 - a tree of tomlkit's own items
    for part in key.split("."):
        if part not in document:
            return None
        document = document[part]
    return document


def _set(document: Any, key: str, value: object) -> None:  # noqa: ANN401
    import tomlkit

    *tables, name = key.split(".")
    for part in tables:
        if part not in document:
            document[part] = tomlkit.table(is_super_table=part == "signals")
        document = document[part]
    document[name] = value
