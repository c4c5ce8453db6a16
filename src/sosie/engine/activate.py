"""Switching a store to an encoder that was learned: one signal is encoded beside the old vectors, then all at once."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from sosie.config import BUILT_IN, parse_config
from sosie.encoders import load_encoder
from sosie.engine.build import silent
from sosie.engine.moved import Moved, Ranking, moved
from sosie.engine.reading import PRESENT, Reading
from sosie.engine.writing import Writing
from sosie.errors import EncoderError, StoreError
from sosie.scoring import omegas
from sosie.store import LocalStore, NewGeneration, Snapshot
from sosie.store.models import MODELS, keep_model
from sosie.types import Progress, Scale

SIGNALS = (*BUILT_IN, "learned")  # those whose encoder may be a folder


@dataclass(frozen=True, slots=True)
class Activated:
    """What the switch to an encoder did."""

    signal: str
    model: Path  # its folder in the store
    version: str  # of the store now
    products: int
    encoded: int  # products really encoded: neither cached nor repeated
    seconds: float
    notes: tuple[str, ...] = ()
    moved: Moved | None = None  # what the switch does to look-alikes; None where the model was in use already
    switched: bool = True

    def as_json(self) -> dict[str, object]:
        """The same as plain values."""
        return asdict(self) | {"model": str(self.model)}


class _DeclinedError(Exception):
    """Nobody wanted the switch."""


def activate(
    store: Path, model: Path, progress: Progress = silent, wanted: Callable[[Moved], bool] | None = None
) -> Activated:
    """Make a learned encoder that of its signal: copied into the store, its settings changed, all products encoded.

    Products come from the store's own records. The other signals' vectors are copied. `wanted` is told how look-alikes
    change before anything is switched, and says whether it is to be. A model that is in use already changes nothing.
    `sosie rollback` brings the state before back. Raises EncoderError, StoreError; then the store is as it was before.
    """
    started = time.perf_counter()
    encoder = load_encoder(model)
    signal = encoder.signal
    if signal not in SIGNALS:
        raise EncoderError(
            f"{model}: encodes the signal '{signal}', which takes no folder; a store takes learned encoders of "
            f"{', '.join(SIGNALS)}."
        )
    local = LocalStore.open(store)
    with local.write() as writer:
        old = writer.snapshot
        if not old.alive.any():
            raise StoreError(f"store {store}: holds no products yet; build it first: sosie build CATALOGUE.")
        if not any(PRESENT[signal](product) for batch in writer.products() for product in batch):
            raise StoreError(f"store {store}: no product has anything that {model} reads.")
        kept = keep_model(store, model)
        raw = old.config.model_dump()
        raw["signals"][signal] |= {"enabled": True, "encoder": f"{MODELS}/{kept.name}"}
        config = parse_config(raw, str(model))
        state = old.manifest.signals.get(signal)
        told: list[Moved] = []

        def shown(old: Snapshot, fresh: NewGeneration) -> None:
            progress("comparing look-alikes", 0, None)
            told.append(_moved(old, fresh))
            if wanted is not None and not wanted(told[0]):
                raise _DeclinedError

        language, switched = str(local.source.get("language", "")), True
        writing = Writing(local, writer, config, Reading(), language, (), progress, before_switch=shown)
        if config != old.config or state is None or state.fingerprint != encoder.fingerprint:
            try:
                writing.run(renew=(signal,))
            except _DeclinedError:
                switched = False
    snapshot = local.snapshot()
    return Activated(
        signal=signal,
        model=kept,
        version=snapshot.version,
        products=int(snapshot.alive.sum()),
        encoded=writing.encoded.get(signal, 0),
        seconds=time.perf_counter() - started,
        notes=tuple(writing.notes),
        moved=told[0] if told else None,
        switched=switched,
    )


def _moved(old: Snapshot, fresh: NewGeneration) -> Moved:
    """What a new generation of the very same products does to their look-alikes."""
    living = np.flatnonzero(old.alive)
    searched = {signal: state for signal, state in fresh.states.items() if not state.compared}
    sigmas = {signal: Scale(np.empty(0, np.float32), state.sigma) for signal, state in searched.items()}
    weights = {signal: state.weight for signal, state in searched.items()}
    known = {signal: weight for signal, weight in old.weights.items() if signal in old.signals}
    before = Ranking(
        lambda signal, start, stop: old.vectors(signal, living[start:stop]),
        omegas(known, old.scales),
        old.groups[living],
    )
    after = Ranking(
        lambda signal, start, stop: fresh.vectors(signal)[start:stop], omegas(weights, sigmas), fresh.groups
    )
    return moved(before, after, lambda rows: old.ids(living[rows]))
