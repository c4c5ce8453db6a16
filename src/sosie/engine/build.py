"""A catalogue file in, a store out: read, compare with what is there, encode what changed, switch."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import reduce
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from sosie.catalog import Guess, Source, open_source
from sosie.config import Config
from sosie.encoders import load_encoder, make_encoders
from sosie.engine.candidates import build_candidates
from sosie.engine.encode import CACHED, encode_products
from sosie.engine.given import Given, read_given
from sosie.engine.reading import PRESENT, REJECTS, Reading, RejectFile, read_catalogue
from sosie.errors import CatalogueError
from sosie.index.words import build_postings, document
from sosie.scoring import apply_scale, fit_scale, omegas
from sosie.store import LocalStore, NewGeneration, Snapshot, Writer
from sosie.types import Changes, Encoder, Matrix, Product, Progress, Reject, Scale

LEAST_DELTA = 100  # products that never make a new generation necessary
BATCH = 1_024  # products encoded at a time: a build that is cut off has lost no more
SCALE_SAMPLE = 10_000  # products from which the scales of all signals are fitted
GIVEN = "given"  # in place of the fingerprint of an encoder, for vectors made elsewhere


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How a catalogue is to be read and built; what a former build of the store was told holds on where None."""

    mapping: Mapping[str, str] | None = None  # field -> column
    ignore: Sequence[str] | None = None
    images: Path | None = None
    reviews: Path | None = None
    vectors: Sequence[str] | None = None  # name=FILE[:COLUMN]
    config: Config | None = None
    download_images: bool | None = None
    allow_private: bool | None = None  # fetch pictures also from addresses inside the network
    max_rejects: float | None = None  # share; None = as the settings say
    allow_removals: bool = False
    refit: bool = False


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did."""

    store: Path
    products: int
    changes: Changes
    rows: int
    rejected: int  # rows that could not be used
    dropped: int  # fields that could not be used, in rows that could; reviews of unknown products
    rejects: Path | None
    encoded: Mapping[str, int]  # products really encoded, by signal
    language: str
    seconds: float
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """The report as plain values."""
        return asdict(self) | {"store": str(self.store), "rejects": str(self.rejects) if self.rejects else None}


def silent(stage: str, done: int, total: int | None) -> None:
    """Progress that nobody watches."""


def build_store(
    catalogue: Path,
    folder: Path,
    options: BuildOptions = BuildOptions(),
    progress: Progress = silent,
    on_guess: Callable[[Guess], None] = lambda guess: None,
) -> BuildReport:
    """Build a store, or bring it up to date with a catalogue; only new and changed products are encoded.

    Raises CatalogueError, StoreError, ConfigError or EncoderError; then the store is as it was before.
    """
    start = time.perf_counter()
    existing = LocalStore.open(folder) if LocalStore.exists(folder) else None
    options = _remembering(options, existing.source if existing else {})
    given = [read_given(spec) for spec in options.vectors or ()]
    config = options.config or (existing.config if existing else Config())
    source, unfetched = _open(catalogue, options, folder, progress)
    on_guess(source.guess)
    store = existing or LocalStore.create(folder, config)
    rejects = RejectFile(folder / REJECTS)
    with store.write() as writer:
        known = writer.known()
        try:
            for reject in unfetched:
                rejects.add(reject)
            reading, missing = read_catalogue(source, writer, known, given, rejects, progress)
        finally:
            rejected = rejects.close()
        _refuse(reading, len(missing), len(known), rejected, options, config)
        writer.remove(missing)
        language = reading.language or str(store.source.get("language", ""))
        writer.note(source=_source(catalogue, options) | {"language": language})
        build = _Build(store, writer, config, reading, language, given, progress)
        build.run(options.refit)
        changes = writer.changes()
    snapshot = store.snapshot()
    return BuildReport(
        store=folder,
        products=int(snapshot.alive.sum()),
        changes=changes,
        rows=reading.rows,
        rejected=reading.refused,
        dropped=reading.dropped + len(unfetched),
        rejects=rejected,
        encoded=build.encoded,
        language=language,
        seconds=time.perf_counter() - start,
        notes=(*_unfetched_note(unfetched), *build.notes),
    )


def _unfetched_note(unfetched: Sequence[Reject]) -> list[str]:
    if not unfetched:
        return []
    some = "; ".join(f"{reject.raw}: {reject.reason}" for reject in unfetched[:3])
    return [f"{len(unfetched):,} pictures could not be fetched: {some}"]


def _source(catalogue: Path, options: BuildOptions) -> dict[str, Any]:
    """Where the products come from and how it is read, as plain JSON."""
    return {
        "catalogue": str(catalogue.resolve()),
        "mapping": dict(options.mapping or {}),
        "ignore": list(options.ignore or ()),
        "images": str(options.images.resolve()) if options.images else None,
        "reviews": str(options.reviews.resolve()) if options.reviews else None,
        "vectors": list(options.vectors or ()),
        "download_images": bool(options.download_images),
        "allow_private": bool(options.allow_private),
    }


def _remembering(options: BuildOptions, source: Mapping[str, Any]) -> BuildOptions:
    """Options with those that were left out as the last build had them."""

    def path(given: Path | None, name: str) -> Path | None:
        return given or (Path(source[name]) if source.get(name) else None)

    return replace(
        options,
        mapping=source.get("mapping", {}) if options.mapping is None else options.mapping,
        ignore=source.get("ignore", []) if options.ignore is None else options.ignore,
        images=path(options.images, "images"),
        reviews=path(options.reviews, "reviews"),
        vectors=source.get("vectors", []) if options.vectors is None else options.vectors,
        download_images=source.get("download_images") if options.download_images is None else options.download_images,
        allow_private=source.get("allow_private") if options.allow_private is None else options.allow_private,
    )


def _open(catalogue: Path, options: BuildOptions, folder: Path, progress: Progress) -> tuple[Source, list[Reject]]:
    """The catalogue opened, its pictures fetched first where that is wanted; and those that could not be."""

    def opened(downloaded: Mapping[str, str] | None) -> Source:
        return open_source(
            catalogue,
            mapping=options.mapping or {},
            ignore=options.ignore or (),
            images=options.images,
            reviews=options.reviews,
            downloaded=downloaded,
        )

    source = opened(None)
    if not options.download_images:
        return source, []
    from sosie.media import download_pictures

    fetched = download_pictures(
        source.picture_urls(), folder / "pictures", allow_private=bool(options.allow_private), progress=progress
    )
    return opened(fetched.files), [Reject(0, "images", why, url, fatal=False) for url, why in fetched.problems.items()]


def _refuse(
    reading: Reading, missing: int, known: int, rejected: Path | None, options: BuildOptions, config: Config
) -> None:
    """Stop before anything changes where a careful person would. Raises CatalogueError."""
    allowed = config.build.max_rejects if options.max_rejects is None else options.max_rejects
    if reading.refused > allowed * reading.rows:
        raise CatalogueError(
            f"{reading.refused:,} of {reading.rows:,} rows can't be used, more than {allowed:.0%}; "
            "nothing was changed. "
            f"Why, row by row: {rejected}. Correct the file (or --map a column), or allow more with --max-rejects."
        )
    if known == 0 and reading.encoded == 0:
        raise CatalogueError("the catalogue holds no usable product; nothing was built.")
    if missing > config.build.max_removals * known and not options.allow_removals:
        raise CatalogueError(
            f"the file lacks {missing:,} of the store's {known:,} products, more than {config.build.max_removals:.0%}; "
            "nothing was changed. If they are really gone, say --allow-removals."
        )


class _Build:
    """One build under way: decides between a delta and a new generation, and writes it."""

    def __init__(
        self,
        store: LocalStore,
        writer: Writer,
        config: Config,
        reading: Reading,
        language: str,
        given: Sequence[Given],
        progress: Progress,
    ) -> None:
        self.language = language
        self.store, self.writer, self.config, self.reading, self.progress = store, writer, config, reading, progress
        self.given = {vectors.signal: vectors for vectors in given}
        self.encoded: dict[str, int] = {}
        self.notes: list[str] = []
        self.unseen: dict[str, str] = {}  # products of which no picture could be read -> their first one

    def run(self, refit: bool) -> None:
        """Write what was staged: nothing, a delta, or a new generation."""
        old = self.store.snapshot()
        changes = self.writer.changes()
        touched = changes.added + changes.changed + changes.removed
        signals = self._signals(old)
        fit = refit or old.size == 0 or self.config.signals != old.config.signals or set(signals) != set(old.signals)
        late = old.size - old.base + touched
        if fit or late > max(self.config.build.merge_share * old.base, LEAST_DELTA):
            self._generation(signals, old, fit)
        elif touched:
            self._delta(signals, old)

    def _signals(self, old: Snapshot) -> list[str]:
        """Signals that are switched on and that some product has."""
        settings = self.config.signals
        on = [s for s in PRESENT if getattr(settings, s).enabled and (s in self.reading.signals or s in old.signals)]
        return on + sorted({*self.given, *(s for s in old.signals if s not in PRESENT)})

    def _fitted(self, signals: Sequence[str], old: Snapshot, fit: bool) -> dict[str, Encoder]:
        """The encoders in use: frozen ones, or new ones fitted once on the whole catalogue."""
        own = [signal for signal in signals if signal in PRESENT]
        if not fit:
            return {signal: load_encoder(old.encoder_folder(signal)) for signal in own}
        encoders = make_encoders(self.config, self.language, own)
        for at, encoder in enumerate(encoders.values()):
            self.progress("fitting", at, len(encoders))
            encoder.fit(product for batch in self.writer.products() for product in batch)
        return encoders

    def _raw(self, signal: str, encoder: Encoder | None, products: Sequence[Product]) -> Matrix | None:
        """Vectors as the encoder gives them; None where they should have come with --vectors and did not."""
        if encoder is None:
            given = self.given.get(signal)
            return given.of(products, self.reading.records) if given else None
        vectors, count = encode_products(encoder, products, self.store.cache)
        if signal == "image":
            self.unseen |= {
                p.id: p.images[0] for p, v in zip(products, vectors, strict=True) if p.images and not v.any()
            }
        self.encoded[signal] = self.encoded.get(signal, 0) + count
        return vectors

    def _delta(self, signals: Sequence[str], old: Snapshot) -> None:
        encoders = self._fitted(signals, old, fit=False)
        staged = [product for batch in self.writer.staged() for product in batch]
        vectors = {}
        for at, signal in enumerate(signals):
            self.progress("encoding", at, len(signals))
            raw = self._raw(signal, encoders.get(signal), staged)
            if raw is not None:
                vectors[signal] = apply_scale(raw, old.scales[signal])
        self._problems(encoders)
        self.writer.commit_delta(vectors)

    def _generation(self, signals: Sequence[str], old: Snapshot, fit: bool) -> None:
        encoders = self._fitted(signals, old, fit)
        scales = self._scales(signals, encoders, old, fit)
        dims = {signal: scale.dim for signal, scale in scales.items()}
        fingerprints = {s: encoders[s].fingerprint if s in encoders else GIVEN for s in signals}
        weights = self._weights(signals)
        self.writer.note(config=self.config)
        with self.writer.generation(dims, fingerprints, anew=signals if fit else ()) as fresh:
            self._fill(fresh, encoders, scales)
            for signal, scale in scales.items():
                if signal in encoders:
                    self.writer.freeze(encoders[signal])
                name = type(encoders[signal]).__name__ if signal in encoders else ""
                fresh.describe(signal, scale=scale, weight=weights[signal], encoder=name)
            matrices = {signal: fresh.vectors(signal) for signal in signals}
            self.progress("indexing", 0, None)
            build_candidates(fresh.folder, matrices, omegas(weights, scales), self.config.index)
            build_postings(fresh.folder, (document(product) for batch in fresh.products() for product in batch))
        self._problems(encoders)

    def _scales(
        self, signals: Sequence[str], encoders: Mapping[str, Encoder], old: Snapshot, fit: bool
    ) -> dict[str, Scale]:
        """Frozen scales, or new ones fitted on an even sample of the products."""
        if not fit:
            return {signal: old.scales[signal] for signal in signals}
        changes = self.writer.changes()
        step = max(1, (changes.added + changes.changed + changes.unchanged) // SCALE_SAMPLE)
        every = (product for batch in self.writer.products() for product in batch)
        sample = list(islice(every, 0, None, step))
        scales = {}
        for signal in signals:
            parts = []
            for start in range(0, len(sample), BATCH):
                self.progress(f"learning the scale of {signal}", start, len(sample))
                parts.append(self._raw(signal, encoders.get(signal), sample[start : start + BATCH]))
            raw = [part for part in parts if part is not None]
            dim = self.config.signals.image.dim if signal == "image" else 0
            scales[signal] = fit_scale(np.concatenate(raw), dim) if raw else old.scales[signal]
        self.encoded = {signal: count for signal, count in self.encoded.items() if signal in CACHED}
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
                    fresh.vectors(signal)[part[wanted]] = apply_scale(raw, scale)
            done += len(batch)
            self.progress("encoding", done, len(rows))

    def _weights(self, signals: Sequence[str]) -> dict[str, float]:
        settings = self.config.signals
        return {s: getattr(settings, s).weight if s in PRESENT else settings.given.get(s, 1.0) for s in signals}

    def _problems(self, encoders: Mapping[str, Encoder]) -> None:
        """Tell of pictures that are not there or could not be read."""
        if not self.unseen:
            return
        why: Mapping[str, str] = getattr(encoders["image"], "problems", {})
        some = [why.get(ref, f"{ref}: is not there.") for ref in list(self.unseen.values())[:3]]
        self.notes.append(f"{len(self.unseen):,} products have pictures of which none could be read: {' '.join(some)}")
