"""Switching a store to an encoder that was learned: one signal is encoded beside the old vectors, then all at once."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path

from sosie.config import BUILT_IN, parse_config
from sosie.encoders import load_encoder
from sosie.engine.build import silent
from sosie.engine.reading import PRESENT, Reading
from sosie.engine.writing import Writing
from sosie.errors import EncoderError, StoreError
from sosie.store import LocalStore
from sosie.store.models import MODELS, keep_model
from sosie.types import Progress

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

    def as_json(self) -> dict[str, object]:
        """The same as plain values."""
        return asdict(self) | {"model": str(self.model)}


def activate(store: Path, model: Path, progress: Progress = silent) -> Activated:
    """Make a learned encoder that of its signal: copied into the store, its settings changed, all products encoded.

    Products come from the store's own records. The other signals' vectors are copied. A model that is in use already
    changes nothing. `sosie rollback` brings the state before back. Raises EncoderError, StoreError; then the store is
    as it was before.
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
        writing = Writing(local, writer, config, Reading(), str(local.source.get("language", "")), (), progress)
        if config != old.config or state is None or state.fingerprint != encoder.fingerprint:
            writing.run(renew=(signal,))
    snapshot = local.snapshot()
    return Activated(
        signal=signal,
        model=kept,
        version=snapshot.version,
        products=int(snapshot.alive.sum()),
        encoded=writing.encoded.get(signal, 0),
        seconds=time.perf_counter() - started,
        notes=tuple(writing.notes),
    )
