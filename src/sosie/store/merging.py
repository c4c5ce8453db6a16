"""Taking the delta into a new generation while others read and write."""

from dataclasses import replace

import numpy as np

from sosie.store.delta import Addition, commit_delta, delta_file
from sosie.store.manifest import generation_folder
from sosie.store.rebuild import NewGeneration
from sosie.store.snapshot import Snapshot
from sosie.store.staging import Staged
from sosie.store.strings import encode_text
from sosie.store.tidy import discard, drop_old_generations
from sosie.store.writer import switch

MERGING = "merging.partial"


def start_merge(old: Snapshot) -> NewGeneration:
    """Write the products of a snapshot as they are into a folder of their own. Raises OSError."""
    folder = old.store / MERGING
    discard(folder)  # of a merge that was killed
    return NewGeneration.start(folder, old, Staged.nothing(old.alive), old.manifest.signals, ())


def finish_merge(old: Snapshot, now: Snapshot, fresh: NewGeneration) -> None:
    """Switch to a sealed merge of `old`; what was committed up to `now` is carried over into its delta.

    Only for the one writer of the store, and only where both snapshots are of one generation. Raises OSError,
    sqlite3.Error; then the store is as it was before.
    """
    store, number = old.store, now.manifest.next
    folder = generation_folder(store, number)
    discard(folder)
    fresh.folder.rename(folder)
    carried = _carried(old, now)
    file = delta_file(store, number)
    commit = commit_delta(file, 0, carried) if len(carried.ids) or len(carried.removed) else 0
    finished = replace(now.manifest, generation=number, newest=number, commit=commit)
    switch(now, finished)
    drop_old_generations(store, finished)


def _carried(old: Snapshot, now: Snapshot) -> Addition:
    """What was committed between two snapshots of one generation, in the rows of the merge of the first."""
    staying = np.flatnonzero(old.alive)
    first, delta = old.delta.rows, now.delta
    removed = delta.removed[len(old.delta.removed) :]
    late = removed >= old.size
    moved = np.where(late, removed - old.size + len(staying), staying.searchsorted(removed))
    return Addition(
        ids=[encode_text(id) for id in delta.ids[first : delta.rows]],
        stamps=delta.stamps[first:],
        group_hashes=delta.group_hashes[first:],
        records=delta.records[first : delta.rows],
        vectors={signal: delta.vectors(signal)[first:] for signal in now.manifest.signals},
        removed=moved,
    )
