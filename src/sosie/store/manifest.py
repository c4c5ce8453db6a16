"""What a store is: its format, settings, signals and counters, in one JSON file that is switched by rename."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from sosie.config import Config, parse_config
from sosie.errors import ConfigError, StoreError
from sosie.store.files import write_atomic

FORMAT = 1
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class SignalState:
    """One signal of a generation; the mean of its scale lies beside the vectors."""

    dim: int
    weight: float = 1.0
    sigma: float = 1.0
    encoder: str = ""  # its name; "" where the vectors came from elsewhere
    fingerprint: str = ""
    compared: bool = False  # not searched: bytes that are read only where candidates are compared with a question

    @property
    def dtype(self) -> type[np.generic]:
        """Of its vectors."""
        return np.int8 if self.compared else np.float32


@dataclass(frozen=True, slots=True)
class Manifest:
    """The state of a store. Every generation's folder has a copy, written last: one without it is unfinished."""

    config: Config
    generation: int = 0  # 0: nothing was built yet
    newest: int = 0  # the highest number a generation ever had: none is given twice, also after a roll-back
    built: int = 0  # the generation that the last full build wrote; later ones are merges of it and its deltas
    commit: int = 0  # the last commit of the delta that counts; 0: none since the generation
    signals: Mapping[str, SignalState] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)  # where the products came from; plain JSON
    counters: Mapping[str, Any] = field(default_factory=dict)  # of the last build; plain JSON

    def encoded(self) -> bytes:
        """As JSON."""
        content = {
            "format": FORMAT,
            "generation": self.generation,
            "newest": self.newest,
            "built": self.built,
            "commit": self.commit,
            "config": self.config.model_dump(mode="json"),
            "signals": {name: asdict(state) for name, state in self.signals.items()},
            "source": dict(self.source),
            "counters": dict(self.counters),
        }
        return orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)  # of each commit: quick

    def write(self, folder: Path) -> None:
        """Replace the manifest of a folder."""
        write_atomic(folder / MANIFEST, self.encoded())

    @property
    def next(self) -> int:
        """The number of the next generation."""
        return max(self.generation, self.newest) + 1

    def with_weights(self, weights: Mapping[str, float]) -> "Manifest":
        """The same with other default weights."""
        signals = {
            name: replace(state, weight=float(weights.get(name, state.weight))) for name, state in self.signals.items()
        }
        return replace(self, signals=signals)


def generation_folder(folder: Path, number: int) -> Path:
    """Where a generation lies."""
    return folder / f"gen-{number}"


def whole_generations(folder: Path) -> list[int]:
    """Numbers of the finished generations of a store, ascending."""
    found = [path.parent.name.removeprefix("gen-") for path in folder.glob(f"gen-*/{MANIFEST}")]
    return sorted(int(number) for number in found if number.isdigit())


def read_manifest(folder: Path) -> Manifest:
    """The state of a store. Raises StoreError: no store, damaged, or written by a newer version of sosie."""
    file = folder / MANIFEST
    try:
        content = json.loads(file.read_bytes())
    except FileNotFoundError:
        if whole_generations(folder):
            raise _damaged(folder, "is missing") from None
        raise StoreError(f"{folder}: there is no store here; make one with: sosie build CATALOGUE.") from None
    except NotADirectoryError:
        raise StoreError(f"{folder}: is a file, not the folder of a store.") from None
    except OSError as error:
        raise StoreError(f"{file}: can't be read ({error.strerror}).") from error
    except ValueError as error:
        raise _damaged(folder, f"is no JSON ({error})") from error
    version = content.get("format") if isinstance(content, dict) else None
    if not isinstance(version, int):
        raise _damaged(folder, "names no format version")
    if version > FORMAT:
        raise StoreError(
            f"{folder}: the store has format version {version}, this sosie knows format version {FORMAT}. "
            "Use the newer sosie that wrote it, or build into another folder."
        )
    try:
        return Manifest(
            config=parse_config(content["config"], str(file)),
            generation=int(content["generation"]),
            newest=int(content["newest"]),
            built=int(content.get("built", content["generation"])),  # stores of an earlier version have none
            commit=int(content["commit"]),
            signals={name: SignalState(**state) for name, state in content["signals"].items()},
            source=content["source"],
            counters=content["counters"],
        )
    except (KeyError, TypeError, ValueError, AttributeError, ConfigError) as error:
        raise _damaged(folder, f"can't be understood ({error})") from error


def _damaged(folder: Path, what: str) -> StoreError:
    whole = whole_generations(folder)
    way = (
        f"The store's data is still there: `sosie rollback` goes back to its last whole state, gen-{whole[-1]}."
        if whole
        else "No built state is left in the folder: remove it and build again."
    )
    return StoreError(f"{folder}: {MANIFEST} {what}. {way}")
