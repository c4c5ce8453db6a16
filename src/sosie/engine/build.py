"""A catalogue file in, a store out: read, compare with what is there, encode what changed, switch."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sosie.catalog import Guess, Source, open_source
from sosie.config import Config
from sosie.engine.given import Given, read_given
from sosie.engine.reading import PRESENT, REJECTS, Reading, RejectFile, read_catalogue
from sosie.engine.writing import Writing
from sosie.errors import CatalogueError
from sosie.store import LocalStore
from sosie.types import Changes, Encoder, Progress, Reject


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
    encoders: Sequence[Encoder] = ()  # in place of those that the settings name; see `sosie.function_encoder`


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
    given = _vectors(options)
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
        live = set() if options.allow_removals else known.live(missing)
        missing = [id for id in missing if id not in live]
        _refuse(reading, len(missing), len(known), rejected, options, config)
        writer.remove(missing)
        language = reading.language or str(store.source.get("language", ""))
        counters = asdict(writer.changes()) | {"rejected": reading.refused}
        writer.note(source=_source(catalogue, options) | {"language": language}, counters=counters)
        build = Writing(store, writer, config, reading, language, given, progress, options.encoders)
        build.run(refit=options.refit)
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
        notes=(*_unfetched_note(unfetched), *_live_note(live), *build.notes),
    )


def _unfetched_note(unfetched: Sequence[Reject]) -> list[str]:
    if not unfetched:
        return []
    some = "; ".join(f"{reject.raw}: {reject.reason}" for reject in unfetched[:3])
    return [f"{len(unfetched):,} pictures could not be fetched: {some}"]


def _live_note(live: Collection[str]) -> list[str]:
    if not live:
        return []
    return [
        f"{len(live):,} products that were written live stand in no file, such as '{min(live)}'; they stay. "
        "--allow-removals takes them out."
    ]


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


def _vectors(options: BuildOptions) -> list[Given]:
    given = [read_given(spec) for spec in options.vectors or ()]
    for vectors in given:
        if vectors.signal in PRESENT:
            raise CatalogueError(
                f"--vectors: '{vectors.signal}' is a signal that sosie makes itself; give yours another name, such as "
                f"--vectors my_{vectors.signal}=FILE."
            )
    return given


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
