"""Changing a store: products are staged, then committed as a delta or as a new generation."""

import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sosie.config import Config
from sosie.errors import StoreError
from sosie.store.delta import Addition, commit_delta, delta_file
from sosie.store.files import explained, sync_folder, sync_tree
from sosie.store.manifest import Manifest, SignalState, generation_folder
from sosie.store.rebuild import NewGeneration
from sosie.store.snapshot import Snapshot, encoder_folder
from sosie.store.staging import BATCH, Staged, Staging, discard_staging
from sosie.store.tidy import drop_old_generations
from sosie.types import Changes, Encoder, Matrix, Product

NEW, CHANGED, UNCHANGED = 0, 1, 2
# Stamps in place of the hash of a catalogue's row, which equals them by chance once in 2^63 products:
LIVE = 1  # the product was written live, and stood in no file before
TOUCHED = 2  # it came from a file, and was changed live since
BLOCK = 65_536  # ids looked up at a time


class Known:
    """The products of a store as its catalogue had them: which of a file's are new, changed, or gone?"""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._stamps = snapshot.stamps()
        self._seen = ~snapshot.alive

    def __len__(self) -> int:
        return int(self._snapshot.alive.sum())

    def compare(self, ids: Sequence[str], stamps: NDArray[np.uint64]) -> NDArray[np.int8]:
        """NEW, CHANGED or UNCHANGED for each id, (ids,); from now on they count as seen."""
        rows = self._snapshot.rows(ids)
        there = rows >= 0
        self._seen[rows[there]] = True
        states = np.full(len(ids), NEW, np.int8)
        states[there] = np.where(self._stamps[rows[there]] == np.asarray(stamps)[there], UNCHANGED, CHANGED)
        return states

    def unseen(self, seen: Sequence[str] = ()) -> list[str]:
        """Ids of the store that were never compared, nor stand in `seen`."""
        for start in range(0, len(seen), BLOCK):
            rows = self._snapshot.rows(seen[start : start + BLOCK])
            self._seen[rows[rows >= 0]] = True
        return self._snapshot.ids(np.flatnonzero(~self._seen))

    def live(self, ids: Sequence[str]) -> set[str]:
        """Those of some ids of the store that were written live and stood in no file."""
        rows = self._snapshot.rows(ids)
        return {id for id, stamp in zip(ids, self._stamps[rows].tolist(), strict=True) if stamp == LIVE}


class Writer:
    """The one writer of a store; it commits once."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._folder = snapshot.store
        self._manifest = snapshot.manifest
        self._sealed: Staged | None = None
        self._committed = False
        with explained(self._folder, "make room for new products"):
            self._staging = Staging(self._folder)

    @property
    def snapshot(self) -> Snapshot:
        """The store as it is before this writer's commit."""
        return self._snapshot

    def known(self) -> Known:
        """What the store holds, to be compared with a catalogue."""
        return Known(self._snapshot)

    def put(self, products: Sequence[Product], stamps: NDArray[np.uint64]) -> None:
        """Stage new or changed products; `stamps`, (products,), tell their rows' raw content. Raises StoreError."""
        self._growing()
        with explained(self._folder, "stage products"):
            self._staging.put(products, stamps)

    def remove(self, ids: Iterable[str]) -> None:
        """Stage removals; ids that are not in the store don't matter."""
        self._growing()
        self._staging.remove(list(ids))

    def changes(self) -> Changes:
        """What the commit changes."""
        return self._seal().changes

    def staged(self) -> Iterator[list[Product]]:
        """Products that were put, in batches, in the order they were put (one put twice: where it was put last)."""
        return self._seal().products()

    def products(self) -> Iterator[list[Product]]:
        """Every product as it will be after the commit, in batches: unchanged ones, then the staged ones."""
        staged = self._seal()
        for start in range(0, len(staged.staying), BATCH):
            yield self._snapshot.products(staged.staying[start : start + BATCH])
        yield from staged.products()

    def note(
        self,
        *,
        config: Config | None = None,
        weights: Mapping[str, float] | None = None,
        source: Mapping[str, Any] | None = None,
        counters: Mapping[str, Any] | None = None,
    ) -> None:
        """What the commit writes down beside the products: settings, default weights, where products come from."""
        manifest = self._manifest if weights is None else self._manifest.with_weights(weights)
        self._manifest = replace(
            manifest,
            config=config or manifest.config,
            source=manifest.source if source is None else source,
            counters=manifest.counters if counters is None else counters,
        )

    def freeze(self, encoder: Encoder) -> Path:
        """Keep an encoder with the store, by its fingerprint; returns its folder. Visible to nobody before a commit."""
        folder = encoder_folder(self._folder, encoder.fingerprint)
        if folder.is_dir():
            return folder
        beside = folder.with_name(folder.name + ".partial")
        with explained(self._folder, f"keep the encoder of '{encoder.signal}'"):
            shutil.rmtree(beside, ignore_errors=True)
            beside.mkdir(parents=True)
            encoder.save(beside)
            sync_tree(beside)
            beside.rename(folder)
            sync_folder(folder.parent)
        return folder

    def commit_delta(self, vectors: Mapping[str, Matrix]) -> None:
        """Commit what was staged as one transaction, visible at once to new snapshots; `vectors` in staged order.

        A signal that `vectors` lacks is missing from every staged product. Raises StoreError.
        """
        staged = self._seal()
        if not self._snapshot.generation.number and len(staged):
            raise StoreError(f"store {self._folder}: has no generation yet; the first build has to write one.")
        self._once()
        ids, records = staged.raw(0, len(staged))
        addition = Addition(
            ids=ids,
            stamps=staged.stamps,
            group_hashes=staged.group_hashes,
            records=records,
            vectors=checked_vectors(self._manifest, vectors, len(staged), self._folder),
            removed=staged.dead,
        )
        with explained(self._folder, "commit the changes"):
            if len(staged) or len(staged.dead):
                file = delta_file(self._folder, self._snapshot.generation.number)
                commit = commit_delta(file, self._manifest.commit, addition)
                self._manifest = replace(self._manifest, commit=commit)
            self._manifest.write(self._folder)

    @contextmanager
    def generation(
        self,
        signals: Mapping[str, int],
        fingerprints: Mapping[str, str] | None = None,
        *,
        anew: Collection[str] = (),
        compared: Collection[str] = (),
    ) -> Iterator[NewGeneration]:
        """Write a new generation of all products: unchanged ones in their order, then the staged ones.

        `signals` gives dimensions; vectors of unchanged products are copied where a signal's fingerprint is the one
        the store has and the signal is not named in `anew`. Those `compared` are kept as bytes and not searched.
        Leaving the block switches to it; an exception leaves the store as it was. Raises StoreError.
        """
        staged = self._seal()
        self._once()
        with explained(self._folder, "prepare a new generation"):
            number = self._manifest.next
            states = _states(signals, fingerprints or {}, compared)
            fresh = NewGeneration.start(generation_folder(self._folder, number), self._snapshot, staged, states, anew)
        try:
            yield fresh
            with explained(self._folder, "finish the new generation"):
                fresh.seal()
                finished = replace(
                    self._manifest, generation=number, newest=number, built=number, commit=0, signals=fresh.states
                )
                switch(self._snapshot, finished)
        except BaseException:
            fresh.discard()
            raise
        drop_old_generations(self._folder, finished)

    def close(self) -> None:
        """Discard what was staged."""
        self._staging.discard()
        discard_staging(self._folder)

    def _seal(self) -> Staged:
        if self._sealed is None:
            with explained(self._folder, "stage products"):
                self._sealed = self._staging.seal(self._snapshot)
        return self._sealed

    def _growing(self) -> None:
        if self._sealed is not None:
            raise RuntimeError("put and remove come before changes(), staged() and the commit.")

    def _once(self) -> None:
        if self._committed:
            raise RuntimeError("a writer commits once; open another with store.write().")
        self._committed = True


def switch(old: Snapshot, finished: Manifest) -> None:
    """Make the generation that a manifest names, whose files are durable, the current one. Raises OSError."""
    folder = generation_folder(old.store, finished.generation)
    replace(finished, commit=0).write(folder)
    sync_folder(old.store)
    if old.generation.number:
        old.manifest.write(old.folder)  # for a roll-back to this very state
    finished.write(old.store)


def checked_vectors(manifest: Manifest, vectors: Mapping[str, Matrix], rows: int, store: Path) -> dict[str, Matrix]:
    """Vectors of every signal of a store, (rows, dim) each; zeros where none are given. Raises StoreError."""
    states = manifest.signals
    if unknown := sorted(set(vectors) - set(states)):
        raise StoreError(f"store {store}: has no signal {', '.join(unknown)}; it needs a new generation.")
    out = {}
    for signal, state in states.items():
        matrix = vectors.get(signal)
        matrix = np.zeros((rows, state.dim), state.dtype) if matrix is None else np.asarray(matrix, state.dtype)
        if matrix.shape != (rows, state.dim):
            raise StoreError(
                f"store {store}: vectors of '{signal}' have the shape {matrix.shape}, "
                f"the store needs {(rows, state.dim)}: they come from another encoder."
            )
        out[signal] = matrix
    return out


def _states(
    dims: Mapping[str, int], fingerprints: Mapping[str, str], compared: Collection[str]
) -> dict[str, SignalState]:
    return {
        signal: SignalState(dim, fingerprint=fingerprints.get(signal, ""), compared=signal in compared)
        for signal, dim in dims.items()
    }
