"""A back-up put in place again: read whole and verified beside the store, then switched to like any new generation.

What was in the store stays as the generation before, so that a roll-back undoes it.
"""

import json
import sqlite3
import tarfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import IO, Any

from sosie.errors import StoreError
from sosie.store.backup import BESIDE, DELTA, FOLDERS, FORMAT, GENERATION, INDEX
from sosie.store.delta import delta_file
from sosie.store.files import explained, sync_folder, sync_tree
from sosie.store.local import LocalStore
from sosie.store.manifest import MANIFEST, Manifest, generation_folder, read_manifest, whole_generations
from sosie.store.models import MODELS, same_model
from sosie.store.records import decode_record, encode_record
from sosie.store.snapshot import ENCODERS
from sosie.store.strings import Strings, StringsFile, encode_text
from sosie.store.tidy import discard, drop_old_generations
from sosie.types import Progress

RESTORED = "restored.partial"
CHUNK = 1 << 20
BLOCK = 16_384  # records looked at a time
TOPS = {GENERATION, DELTA, ENCODERS, MANIFEST, INDEX, *BESIDE, *FOLDERS}


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put in place."""

    store: Path
    version: str  # of the store now
    files: int
    bytes: int


def restore(file: Path, store: Path, force: bool, progress: Progress) -> Restored:
    """Make the state in a back-up that of a store, which is made where there is none.

    Raises StoreError: no back-up, cut off or damaged, disk full, or a store is there and `force` is not given; then the
    store is as it was before.
    """
    local = LocalStore(store)
    if LocalStore.exists(store) and not force:
        raise StoreError(
            f"{store}: there is a store already. --force puts the back-up in its place; `sosie rollback` undoes that."
        )
    beside = store / RESTORED
    with explained(store, f"restore it from {file}"):
        store.mkdir(parents=True, exist_ok=True)
        with local.locked():
            discard(beside)
            try:
                index = _extract(file, beside, progress)
                size = _verify(file, beside, index)
                version = _switch(store, beside, str(index.get("store", "")))
            finally:
                discard(beside)
    return Restored(store, version, len(index["files"]), size)


def _extract(file: Path, beside: Path, progress: Progress) -> dict[str, Any]:
    """Write the parts of a back-up into a folder; returns its index. Links and names leading elsewhere are refused."""
    beside.mkdir()
    found: dict[str, dict[str, object]] = {}
    try:
        with tarfile.open(file, "r|") as tar:
            for at, member in enumerate(tar):
                progress("restoring", at, None)
                path = PurePosixPath(member.name)
                stream = tar.extractfile(member) if member.isreg() else None
                top = path.parts[0] if path.parts else ""
                if stream is None or top not in TOPS or ".." in path.parts or str(path) in found:
                    raise StoreError(f"{file}: is no back-up of a store: it holds '{member.name[:100]}'.")
                found[str(path)] = _copy(stream, beside.joinpath(*path.parts))
    except FileNotFoundError:
        raise StoreError(f"{file}: there is no such file.") from None
    except (tarfile.TarError, EOFError) as error:
        raise StoreError(f"{file}: is no back-up of a store, or damaged ({error}).") from error
    try:
        index: dict[str, Any] = json.loads((beside / INDEX).read_bytes())
        if index["format"] > FORMAT:
            raise StoreError(f"{file}: was written by a newer sosie; use that to restore it.")
        if not isinstance(index["files"], dict):
            raise TypeError("it is no object")
        index["found"] = {name: told for name, told in found.items() if name != INDEX}
    except FileNotFoundError:
        raise StoreError(f"{file}: is cut off, or no back-up of a store.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{file}: its list of parts can't be understood ({error}).") from error
    return index


def _copy(stream: IO[bytes], path: Path) -> dict[str, object]:
    path.parent.mkdir(parents=True, exist_ok=True)
    hashed, size = sha256(), 0
    with path.open("xb") as out:
        while content := stream.read(CHUNK):
            hashed.update(content)
            size += out.write(content)
    path.chmod(0o600 if path.name == "keys.json" else 0o644)
    return {"bytes": size, "sha256": hashed.hexdigest()}


def _verify(file: Path, beside: Path, index: Mapping[str, Any]) -> int:
    """Compare what was extracted with the list of parts; returns how many bytes there are."""
    told, found = index["files"], index["found"]
    wrong = sorted({*told} ^ {*found} | {name for name in {*told} & {*found} if told[name] != found[name]})
    if wrong:
        raise StoreError(
            f"{file}: is damaged: {', '.join(wrong[:3])} {'is' if len(wrong) == 1 else 'are'} not as written."
        )
    manifest = read_manifest(beside)
    if (manifest.commit > 0) != (beside / DELTA).exists() or not (beside / GENERATION).is_dir():
        raise StoreError(f"{file}: is no whole back-up of a store.")
    return sum(one["bytes"] for one in found.values())


def _switch(store: Path, beside: Path, old_place: str) -> str:
    """Move what was extracted into its place, the manifest last; returns the version."""
    restored = read_manifest(beside)
    before = _before(store)
    number = max([before.next if before else restored.generation, *(n + 1 for n in _numbers(store))])
    models = beside / MODELS
    for model in models.iterdir() if models.is_dir() else ():
        there = store / MODELS / model.name
        if there.exists() and not same_model(model, there):
            raise StoreError(
                f"store {store}: its learned encoder {MODELS}/{model.name} is another than that of the back-up; "
                "restore into another folder."
            )
    if old_place and old_place != str(store.resolve()):
        _move_pictures(beside, old_place, str(store.resolve()))
    sync_tree(beside)
    for name in (ENCODERS, *FOLDERS):
        _move(beside / name, store / name, whole=name in (ENCODERS, MODELS))
    folder, file = generation_folder(store, number), delta_file(store, number)
    (beside / GENERATION).rename(folder)
    finished = replace(restored, generation=number, newest=number, built=number)
    replace(finished, commit=0).write(folder)
    if restored.commit:
        (beside / DELTA).rename(file)
    sync_folder(store)
    if before is not None and before.generation:
        before.write(generation_folder(store, before.generation))  # for a roll-back to this very state
    finished.write(store)
    for name in BESIDE:
        if (beside / name).exists():
            (beside / name).replace(store / name)
        elif name != "keys.json":  # a back-up without keys closes nobody out
            (store / name).unlink(missing_ok=True)
    sync_folder(store)
    drop_old_generations(store, finished)
    return f"{finished.generation}.{finished.commit}"


def _before(store: Path) -> Manifest | None:
    """The state of a store before; None where there is none, or a damaged one."""
    try:
        return read_manifest(store)
    except StoreError:
        return None


def _numbers(store: Path) -> list[int]:
    """Numbers that generations and deltas of a store have, whole or not."""
    names = [path.name.removeprefix("gen-") for path in store.glob("gen-*")]
    names += [path.name.removeprefix("delta-").split(".")[0] for path in store.glob("delta-*")]
    return [int(name) for name in names if name.isdigit()] + whole_generations(store)


def _move(source: Path, target: Path, whole: bool) -> None:
    """Move files, or whole folders, that the target lacks."""
    if not source.is_dir():
        return
    target.mkdir(exist_ok=True)
    for path in sorted(source.iterdir() if whole else source.rglob("*")):
        place = target / path.relative_to(source)
        if (whole or path.is_file()) and not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            path.rename(place)
    sync_tree(target)


def _move_pictures(beside: Path, old: str, new: str) -> None:
    """Let records name the pictures of the store where they are now."""
    records = Strings.open(beside / GENERATION, "records")
    moved = StringsFile(beside, "records")
    for start in range(0, len(records), BLOCK):
        moved.add([_moved(record, old, new) for record in records.block(start, start + BLOCK)])
    moved.close()
    for name in ("records.bin", "records.npy"):
        (beside / name).replace(beside / GENERATION / name)
    if (beside / DELTA).exists():
        with closing(sqlite3.connect(beside / DELTA)) as connection, connection:
            rows = connection.execute("select row, record from products").fetchall()
            connection.executemany(
                "update products set record = ? where row = ?",
                [(after, row) for row, record in rows if (after := _moved(record, old, new)) != record],
            )


def _moved(record: bytes, old: str, new: str) -> bytes:
    if encode_text(old) not in record:
        return record
    product = decode_record(record)

    def place(ref: str) -> str:
        return new + ref[len(old) :] if ref.startswith(f"{old}/") else ref

    images, videos = (tuple(map(place, refs)) for refs in (product.images, product.videos))
    return encode_record(replace(product, images=images, videos=videos))
