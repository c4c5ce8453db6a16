"""Writing what was read: nothing, a delta, or a new generation in which only what has to be is encoded anew."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import reduce
from itertools import islice
from typing import Any

import numpy as np

from sosie.config import Config, IndexSettings
from sosie.encoders import load_encoder, made_from, make_encoders
from sosie.encoders.function import by_signal
from sosie.encoders.matching import fit_matches, packed
from sosie.encoders.pictures import clips_of
from sosie.engine.candidates import build_candidates
from sosie.engine.encode import encode_products, is_cached, kept_directions
from sosie.engine.given import Given
from sosie.engine.patches import PATCHES
from sosie.engine.reading import PRESENT, Reading
from sosie.index.words import build_postings, document
from sosie.media import can_open_videos
from sosie.scoring import apply_scale, fit_scale, omegas
from sosie.store import LocalStore, NewGeneration, Snapshot, Writer
from sosie.types import Encoder, Matrix, Product, Progress, Scale

LEAST_DELTA = 100  # products that never make a new generation necessary
BATCH = 1_024  # products encoded at a time: a build that is cut off has lost no more
SCALE_SAMPLE = 10_000  # products from which the scales of signals are fitted
PATCHES_SAMPLE = 256  # and of patches, which are not cached
GIVEN = "given"  # in place of the fingerprint of an encoder, for vectors made elsewhere


class Writing:
    """One build under way: decides between a delta and a new generation, and writes it.

    Encoders and scales are frozen: a signal is fitted and encoded anew where it is new to the store, where the settings
    changed that its vectors depend on, and on demand. A new generation is shown to `before_switch` before it takes the
    place of the old one; what that raises leaves the store as it was.
    """

    def __init__(
        self,
        store: LocalStore,
        writer: Writer,
        config: Config,
        reading: Reading,
        language: str,
        given: Sequence[Given],
        progress: Progress,
        encoders: Sequence[Encoder] = (),
        before_switch: Callable[[Snapshot, NewGeneration], None] | None = None,
    ) -> None:
        self.language, self.before_switch = language, before_switch
        self.store, self.writer, self.config, self.reading, self.progress = store, writer, config, reading, progress
        self.given = {vectors.signal: vectors for vectors in given}
        self.own = by_signal(encoders, PRESENT)  # passed by the caller, in place of those that the settings name
        self.encoded: dict[str, int] = {}
        self.notes: list[str] = []
        self.unseen: dict[str, str] = {}  # products of which no picture could be read -> their first one, or video
        self.filmed: set[str] = set()  # products with videos

    def run(self, refit: bool = False, renew: Collection[str] = ()) -> None:
        """Write what was staged: nothing, a delta, or a new generation; all signals anew, or those of `renew`."""
        old = self.store.snapshot()
        changes = self.writer.changes()
        touched = changes.added + changes.changed + changes.removed
        signals = self._signals(old)
        anew = {signal for signal in signals if signal in renew or self._is_new(signal, old, refit)}
        late = old.size - old.base + touched
        self.writer.note(config=self.config)
        if (
            anew
            or set(signals) != set(old.manifest.signals)
            or (self.config.signals, self.config.index) != (old.config.signals, old.config.index)
            or late > max(self.config.build.merge_share * old.base, LEAST_DELTA)
        ):
            self._generation(signals, old, anew)
        elif touched:
            self._delta(signals, old)
        elif self.config != old.config:
            self.writer.commit_delta({})

    def _signals(self, old: Snapshot) -> list[str]:
        """Signals that are switched on and that some product has."""
        settings = self.config.signals
        on = [
            s
            for s in PRESENT
            if getattr(settings, s).enabled and (s in self.own or s != "learned" or settings.learned.encoder)
        ]
        return [s for s in on if self._present(s, old)] + sorted(
            {*self.given, *(s for s in old.signals if s not in PRESENT)}
        )

    def _present(self, signal: str, old: Snapshot) -> bool:
        if signal in self.reading.signals or signal in old.manifest.signals:
            return True
        if getattr(self.config.signals, signal) == getattr(old.config.signals, signal):
            return False  # no product had it before, or it would be in the store
        return any(PRESENT[signal](product) for batch in self.writer.products() for product in batch)

    def _is_new(self, signal: str, old: Snapshot, refit: bool) -> bool:
        """Whether a signal has to be fitted and encoded anew for all products; vectors made elsewhere are copied."""
        state = old.manifest.signals.get(signal)
        if state is None or old.size == 0:
            return True
        if signal in self.own:
            return refit or state.fingerprint != self.own[signal].fingerprint
        if signal in PRESENT:
            return refit or made_from(self.config, signal) != made_from(old.config, signal)
        return signal in self.given and self.given[signal].dim != state.dim

    def _encoders(self, signals: Sequence[str], old: Snapshot, anew: Collection[str]) -> dict[str, Encoder]:
        """The encoders in use: frozen ones, and new ones fitted once on the whole catalogue."""
        own = [signal for signal in signals if signal in PRESENT]
        made = [signal for signal in own if signal in anew and signal not in self.own]
        passed = {signal: encoder for signal, encoder in self.own.items() if signal in anew}
        fresh = make_encoders(self.config, self.language, made, self.store.folder) | passed
        for at, encoder in enumerate(fresh.values()):
            self.progress("fitting", at, len(fresh))
            encoder.fit(product for batch in self.writer.products() for product in batch)
        in_use = self.own | fresh
        return {s: in_use[s] if s in in_use else load_encoder(old.encoder_folder(s)) for s in own}

    def _raw(self, signal: str, encoder: Encoder | None, products: Sequence[Product]) -> Matrix | None:
        """Vectors as the encoder gives them; None where they should have come with --vectors and did not."""
        if encoder is None:
            given = self.given.get(signal)
            return given.of(products, self.reading.records) if given else None
        vectors, count = encode_products(encoder, products, self.store.cache)
        if signal == "image":
            watched = self.config.signals.image.frames and can_open_videos()
            for product, vector in zip(products, vectors, strict=True):
                clips = clips_of(product)
                if clips:
                    self.filmed.add(product.id)
                seen = (*product.images, *(clips if watched else ()))
                if seen and not vector.any():
                    self.unseen[product.id] = seen[0]
        self.encoded[signal] = self.encoded.get(signal, 0) + count
        return vectors

    def _delta(self, signals: Sequence[str], old: Snapshot) -> None:
        encoders = self._encoders(signals, old, ())
        staged = [product for batch in self.writer.staged() for product in batch]
        vectors = {}
        for at, signal in enumerate(signals):
            self.progress("encoding", at, len(signals))
            raw = self._raw(signal, encoders.get(signal), staged)
            if raw is not None:
                vectors[signal] = final(signal, raw, old.scales[signal])
        self._problems(encoders)
        self.writer.commit_delta(vectors)

    def _generation(self, signals: Sequence[str], old: Snapshot, anew: Collection[str]) -> None:
        encoders = self._encoders(signals, old, anew)
        fitted = self._scales([signal for signal in signals if signal in anew], encoders)
        scales = {signal: fitted.get(signal) or old.scales[signal] for signal in signals}
        dims = {s: encoders[s].dim if s == PATCHES else scale.dim for s, scale in scales.items()}
        fingerprints = {s: encoders[s].fingerprint if s in encoders else GIVEN for s in signals}
        weights = self._weights(signals)
        with self.writer.generation(dims, fingerprints, anew=anew, compared=(PATCHES,)) as fresh:
            self._fill(fresh, encoders, scales)
            for signal, scale in scales.items():
                if signal in encoders:
                    self.writer.freeze(encoders[signal])
                name = type(encoders[signal]).__name__ if signal in encoders else ""
                fresh.describe(signal, scale=scale, weight=weights[signal], encoder=name)
            self.progress("indexing", 0, None)
            write_indexes(fresh, weights, scales, self.config.index)
            if self.before_switch is not None:
                self.before_switch(old, fresh)
        self._problems(encoders)

    def _scales(self, anew: Sequence[str], encoders: Mapping[str, Encoder]) -> dict[str, Scale]:
        """Scales of signals, fitted on an even sample of the products."""
        changes = self.writer.changes()
        step = max(1, (changes.added + changes.changed + changes.unchanged) // SCALE_SAMPLE)
        every = (product for batch in self.writer.products() for product in batch)
        sample = list(islice(every, 0, None, step)) if anew else []
        scales = {}
        for signal in anew:
            parts = []
            some = sample[:: -(-len(sample) // PATCHES_SAMPLE)] if signal == PATCHES else sample
            for start in range(0, len(some), BATCH):
                self.progress(f"learning the scale of {signal}", start, len(some))
                parts.append(self._raw(signal, encoders.get(signal), some[start : start + BATCH]))
            raw = [part for part in parts if part is not None]
            if raw and signal == PATCHES:
                scales[signal] = fit_matches(packed(np.concatenate(raw)))
            elif raw:
                scales[signal] = fit_scale(np.concatenate(raw), kept_directions(self.config, encoders.get(signal)))
        self.encoded = {s: count for s, count in self.encoded.items() if s in encoders and is_cached(encoders[s])}
        return scales

    def _fill(self, fresh: NewGeneration, encoders: Mapping[str, Encoder], scales: Mapping[str, Scale]) -> None:
        """Write the vectors that are still to be written, product by product, so that a record is read once."""
        todo = {signal: fresh.todo(signal) for signal in scales}
        rows = reduce(np.union1d, todo.values(), np.empty(0, np.int64))
        done = 0
        for batch in fresh.products(rows):
            part = rows[done : done + len(batch)]
            for signal, scale in scales.items():
                wanted = np.flatnonzero(np.isin(part, todo[signal], assume_unique=True))
                raw = self._raw(signal, encoders.get(signal), [batch[at] for at in wanted]) if len(wanted) else None
                if raw is not None:
                    fresh.vectors(signal)[part[wanted]] = final(signal, raw, scale)
            done += len(batch)
            self.progress("encoding", done, len(rows))

    def _weights(self, signals: Sequence[str]) -> dict[str, float]:
        settings = self.config.signals
        return {s: getattr(settings, s).weight if s in PRESENT else settings.given.get(s, 1.0) for s in signals}

    def _problems(self, encoders: Mapping[str, Encoder]) -> None:
        """Tell of pictures that are not there or could not be read, and of videos that nothing can open."""
        if self.filmed and self.config.signals.image.frames and not can_open_videos():
            self.notes.append(
                f"{len(self.filmed):,} products have videos; their frames are looked at where PyAV is installed: "
                "pip install 'sosie[video]', then build with --refit."
            )
        if not self.unseen:
            return
        why: Mapping[str, str] = getattr(encoders["image"], "problems", {})
        told = {ref.rpartition("#")[0]: reason for ref, reason in why.items()} | dict(why)  # a clip's by its frames
        some = [told.get(ref, f"{ref}: is not there.") for ref in list(self.unseen.values())[:3]]
        self.notes.append(f"{len(self.unseen):,} products have pictures of which none could be read: {' '.join(some)}")


def write_indexes(
    fresh: NewGeneration, weights: Mapping[str, float], scales: Mapping[str, Scale], settings: IndexSettings
) -> None:
    """Write what finds the rows of a new generation: its candidates and its words."""
    matrices = {signal: fresh.vectors(signal) for signal in scales if signal != PATCHES}
    build_candidates(fresh.folder, matrices, omegas(weights, scales), settings)
    build_postings(fresh.folder, (document(product) for batch in fresh.products() for product in batch))


def final(signal: str, raw: Matrix, scale: Scale) -> Matrix:
    """Vectors as they are kept: patches as bytes, all others scaled."""
    made: Any = packed(raw) if signal == PATCHES else apply_scale(raw, scale)
    vectors: Matrix = made
    return vectors
