"""The view of the catalogue: what is there, what an upload would be read as, what is wrong, what is being done."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from sosie.catalog import Guess, Source, open_source
from sosie.catalog.check import check
from sosie.catalog.names import MAPPABLE
from sosie.engine.build import BuildOptions, build_store
from sosie.errors import CatalogueError
from sosie.store import Snapshot
from sosie.types import Product, Progress, Reject
from sosie.web.jobs import Job
from sosie.web.page.cards import Card, cards
from sosie.web.page.kept import kept
from sosie.web.page.words import Words
from sosie.web.problems import Problem
from sosie.web.shop import Shop

KINDS = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".parquet", ".xml", ".rss")
LIMIT = 2 << 30  # bytes of uploaded catalogues that are kept
AS = "as."  # before the name of a column, in the address
IGNORE = "ignore"  # in place of a field: the column is kept, and never compared
TRIED, SHOWN, SAMPLES, CELL = 200, 8, 3, 60  # rows parsed for a preview, products and cells shown, their characters
EXAMPLES = 6  # of a finding
JOBS = 8

Decided = Mapping[str, str]  # of some columns, the field that a person chose, or IGNORE


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a file: what it was recognised as, what a person said it is, and what stands in it."""

    name: str
    field: str  # "" where it is read as no field
    compared: bool  # as an attribute
    why: str  # it is not compared
    chosen: str
    samples: Sequence[str]


@dataclass(frozen=True, slots=True)
class Draft:
    """A file that was uploaded, as it would be read. Nothing of it is in the store."""

    file: str
    guess: Guess
    columns: Sequence[Column]
    products: Sequence[Card]
    rejects: Sequence[Reject]
    tried: int
    notes: Sequence[str]


@dataclass(frozen=True, slots=True)
class CatalogueView:
    """Everything that the view shows."""

    products: int
    groups: int
    signals: Sequence[str]
    version: str
    source: str
    built: str
    counters: Mapping[str, Any]  # what the last build changed
    late: Sequence[Card]  # products written since, the newest first
    late_count: int
    gone_count: int
    jobs: Sequence[Job]
    report: Mapping[str, Any]  # of the last check
    draft: Draft | None
    decided: Decided

    def as_json(self) -> dict[str, object]:
        """The same as plain values."""
        draft = self.draft
        return {
            "products": self.products,
            "without_variants": self.groups,
            "signals": list(self.signals),
            "version": self.version,
            "last_build": dict(self.counters),
            "written_since": self.late_count,
            "removed_since": self.gone_count,
            "jobs": [job.told() for job in self.jobs],
            "report": dict(self.report),
            "draft": None
            if draft is None
            else {
                "file": draft.file,
                "format": draft.guess.format,
                "columns": [asdict(column) for column in draft.columns],
                "products": [{"id": one.id, "title": one.title} for one in draft.products],
                "rejects": [asdict(reject) for reject in draft.rejects],
                "notes": list(draft.notes),
            },
        }


def catalogue_view(shop: Shop, file: str, decided: Decided, words: Words) -> CatalogueView:
    """What the store holds, and the draft of an uploaded `file`, "" for none. Raises CatalogueError, Problem."""
    snapshot = shop.store.snapshot
    source = snapshot.manifest.source
    jobs = shop.jobs.all()
    late = np.flatnonzero(snapshot.alive[snapshot.base :]) + snapshot.base
    checked = next((job for job in jobs if job.kind == "check" and job.state == "done"), None)
    return CatalogueView(
        products=int(np.count_nonzero(snapshot.alive)),
        groups=len(np.unique(snapshot.groups[snapshot.alive])),
        signals=snapshot.signals,
        version=snapshot.version,
        source=Path(str(source.get("catalogue", ""))).name,
        built=_when(snapshot.folder),
        counters=snapshot.manifest.counters,
        late=cards(snapshot.products(late[::-1][:SHOWN]), words),
        late_count=len(late),
        gone_count=len(snapshot.delta.removed),
        jobs=jobs[:JOBS],
        report=checked.result if checked is not None else {},
        draft=_draft(shop, file, decided, words) if file else None,
        decided=decided,
    )


def keep_catalogue(store: Path, name: str, content: bytes) -> str:
    """Keep an uploaded catalogue; returns the name under which it is found. Raises CatalogueError: of no known kind."""
    suffix = Path(name).suffix.lower()
    if suffix not in KINDS:
        raise CatalogueError(f"{name[-80:]}: is no product file that can be read; give one of {', '.join(KINDS)}.")
    if not content:
        raise CatalogueError(f"{name[-80:]}: is empty.")
    kept_as = f"{blake2b(content, digest_size=16).hexdigest()}{suffix}"
    files = kept(store / "cache" / "catalogues", LIMIT)
    if files.find(kept_as) is None:
        files.put(kept_as, content)
    return kept_as


def start_build(shop: Shop, file: str, decided: Decided, allow_removals: bool) -> Job:
    """Begin to bring the store up to date with an uploaded file. Raises Problem: 409 where a build is going on."""
    if running := shop.jobs.running("build"):
        raise Problem(409, f"a build is going on since {running.started}; wait until it is done.")
    path = _file(shop.store.folder, file)
    mapping, ignore = _mapping(decided)
    options = BuildOptions(
        mapping=mapping,
        ignore=ignore,
        images=_pictures(shop.store.snapshot),
        download_images=False,  # no address that somebody uploads is ever fetched
        allow_removals=allow_removals,
    )

    def work(progress: Progress) -> dict[str, Any]:
        told = build_store(path, shop.store.folder, options, progress).as_json()
        return {name: value for name, value in told.items() if name not in ("store", "rejects")}

    return shop.jobs.start("build", work)


def start_check(shop: Shop, file: str, decided: Decided) -> Job:
    """Begin to look for what is wrong with an uploaded file, or with all products of the store."""
    if running := shop.jobs.running("check"):
        raise Problem(409, f"a check is going on since {running.started}; wait until it is done.")
    source = _source(shop, file, decided) if file else None
    snapshot = shop.store.snapshot
    rejects: list[Reject] = []

    def work(progress: Progress) -> dict[str, Any]:
        products = _numbered(snapshot) if source is None else _read(source, rejects)
        report = asdict(check(products, rejects, progress=progress))
        for finding in report["findings"]:
            shown = finding["examples"][:EXAMPLES]
            finding["examples"] = [{name: one[name] for name in ("row", "id", "value")} for one in shown]
        return report

    return shop.jobs.start("check", work)


def decided_in(pairs: Sequence[tuple[str, str]]) -> Decided:
    """What an address or a form says of columns."""
    return {name.removeprefix(AS): value for name, value in pairs if name.startswith(AS) and value}


def _draft(shop: Shop, file: str, decided: Decided, words: Words) -> Draft:
    source = _source(shop, file, decided)
    guess = source.guess
    batch = next(source.batches())
    items = list(source.read(batch, np.arange(min(TRIED, len(batch.ids)))))
    products = [item for item in items if isinstance(item, Product)]
    columns = []
    for name in source.table.columns:
        if name.startswith("#"):
            continue
        cells = (cell.strip() for cell in batch.frame[name].head(TRIED).to_list())
        samples = list(dict.fromkeys(cell[:CELL] for cell in cells if cell))[:SAMPLES]
        why = guess.ignored.get(name, "")
        field = guess.fields.get(name, "")
        columns.append(Column(name, field, name in guess.attributes, why, decided.get(name, ""), samples))
    return Draft(
        file=file,
        guess=guess,
        columns=columns,
        products=cards(products[:SHOWN], words),
        rejects=[item for item in items if isinstance(item, Reject)][:SHOWN],
        tried=min(TRIED, len(batch.ids)),
        notes=guess.notes,
    )


def _source(shop: Shop, file: str, decided: Decided) -> Source:
    mapping, ignore = _mapping(decided)
    path = _file(shop.store.folder, file)
    try:
        return open_source(path, mapping=mapping, ignore=ignore, images=_pictures(shop.store.snapshot))
    except CatalogueError as error:
        raise CatalogueError(str(error).replace(str(path), "the file")) from error


def _mapping(decided: Decided) -> tuple[dict[str, str], list[str]]:
    found: dict[str, list[str]] = {}
    for column, field in decided.items():
        if field != IGNORE:
            if field not in MAPPABLE:
                raise CatalogueError(f"there is no field '{field}'; a column can be {', '.join(MAPPABLE)} or {IGNORE}.")
            found.setdefault(field, []).append(column)
    ignored = [column for column, field in decided.items() if field == IGNORE]
    return {field: ",".join(columns) for field, columns in found.items()}, ignored


def _file(store: Path, name: str) -> Path:
    stem, dot, suffix = name.partition(".")
    known = f"{dot}{suffix}" in KINDS and len(stem) == 32 and stem.isalnum() and stem.isascii()
    found = kept(store / "cache" / "catalogues", LIMIT).find(name) if known else None
    if found is None:
        raise Problem(404, "this file isn't kept any more; give it again.")
    return found


def _pictures(snapshot: Snapshot) -> Path | None:
    """The folder of pictures of the last catalogue, where it is on this machine."""
    source = snapshot.manifest.source
    catalogue = Path(str(source.get("catalogue") or ""))
    images = Path(str(source["images"])) if source.get("images") else catalogue.parent
    return images if images.is_absolute() and images.is_dir() else None


def _numbered(snapshot: Snapshot) -> Iterator[tuple[int, Product]]:
    rows = np.flatnonzero(snapshot.alive)
    for start in range(0, len(rows), 1_000):
        yield from enumerate(snapshot.products(rows[start : start + 1_000]), start + 1)


def _read(source: Source, rejects: list[Reject]) -> Iterator[tuple[int, Product]]:
    for batch in source.batches():
        record = dict(zip(batch.ids, batch.rows.tolist(), strict=True))
        for item in source.read(batch):
            if isinstance(item, Reject):
                rejects.append(item)
            else:
                yield record[item.id], item


def _when(folder: Path) -> str:
    try:
        return datetime.fromtimestamp(folder.stat().st_mtime, UTC).isoformat(sep=" ", timespec="minutes")[:16]
    except OSError:
        return ""
