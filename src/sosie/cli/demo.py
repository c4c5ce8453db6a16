"""`sosie demo`: a real catalogue fetched, built and questioned, so that a newcomer sees what sosie does."""

import hashlib
import shutil
import subprocess
import tarfile
from pathlib import Path

from sosie.cli import show
from sosie.engine.build import BuildOptions, build_store
from sosie.engine.shop import Store
from sosie.errors import CatalogueError
from sosie.pages import Section, hits_page
from sosie.types import Product, Query

VENDURE = "@vendure/create@3.7.3"  # 54 products with photos, texts and prices, as an npm package
VENDURE_SHA256 = "89f0a9ce225c44b7f9fc07a85bca655f98c48bbb7f3aa06ae0e9c04ce5db0af7"
FASHION = "dataset-fashion-mnist"  # 70,000 pictures of articles, as a Debian package
FASHION_FOLDER = Path("usr/share/datasets/fashion-mnist")
WORDS = "something comfortable to sit on"


def run_demo(what: str, folder: Path) -> None:
    """Fetch, build, ask and write a page. Raises CatalogueError where the catalogue can't be fetched."""
    if what not in {"", "fashion"}:
        raise CatalogueError(f"there is no demonstration '{what}'; there are: sosie demo, sosie demo fashion.")
    catalogue, images = _fashion(folder) if what else _vendure(folder)
    store = folder / (what or "vendure")
    with show.progress() as progress:
        report = build_store(catalogue, store, BuildOptions(images=images), progress, show.print_guess)
    show.print_build(report)
    opened = Store(store)
    page = folder / f"{what or 'vendure'}.html"
    _questions(opened, page)
    show.out.print(f"the same with pictures: [bold]{page}[/]  (open it in a browser)", soft_wrap=True)
    first = _examples(opened, 1)[0]
    show.out.print(f"ask for yourself:       sosie similar {first.id} --store {store}", soft_wrap=True)
    show.out.print(f"a page to search on:    sosie serve --store {store}", soft_wrap=True)


def _questions(opened: Store, page: Path) -> None:
    examples = _examples(opened, 4)
    asked = [
        (f"like {product.id}  {_name(product)}", product, Query(like=(product.id,), limit=5)) for product in examples
    ]
    words = WORDS if examples[-1].title else _name(examples[-1])
    queries: list[tuple[str, Product | None, Query]] = [*asked, (f"words “{words}”", None, Query(text=words, limit=5))]
    pictured = next((product for product in reversed(examples) if product.images), None)
    if pictured:
        photo = _photo(pictured.images[0], page.with_suffix(".jpg"))
        queries.append((f"a photo of {_name(pictured)}", None, Query(image=photo, limit=5)))
    sections = []
    for title, product, query in queries:
        answer = opened.ask(query)
        show.print_hits(title, answer.hits, answer.took_ms)
        sections.append(Section(product or query, answer.hits))
    show.write_page(page, hits_page("sosie: products and their look-alikes", sections))


def _name(product: Product) -> str:
    return product.title or next(iter(product.category), product.id)


def _examples(opened: Store, count: int) -> list[Product]:
    """Products spread over the catalogue, one of each group."""
    snapshot = opened.snapshot
    groups: dict[int, int] = {}
    for row in snapshot.alive.nonzero()[0]:
        groups.setdefault(int(snapshot.groups[row]), int(row))
    rows = list(groups.values())
    return snapshot.products([rows[(2 * at + 1) * len(rows) // (2 * count)] for at in range(count)])


def _photo(ref: str, file: Path) -> Path:
    """A photo as a shopper would take it: the middle of the product's picture, mirrored."""
    from PIL import ImageOps

    from sosie.media import open_picture

    picture = open_picture(ref)
    width, height = picture.size
    cut = picture.crop((width // 10, height // 10, width - width // 10, height - height // 10))
    ImageOps.mirror(cut).save(file, "JPEG", quality=85)
    return file


def _vendure(folder: Path) -> tuple[Path, Path]:
    assets = folder / "package" / "assets"
    if not (assets / "products.csv").exists():
        folder.mkdir(parents=True, exist_ok=True)
        show.err.print(f"fetching {VENDURE}")
        _run(["npm", "pack", VENDURE, "--silent"], folder, f"npm, which fetches {VENDURE}")
        archive = next(folder.glob("vendure-create-*.tgz"))
        if hashlib.sha256(archive.read_bytes()).hexdigest() != VENDURE_SHA256:
            archive.unlink()
            raise CatalogueError(f"{archive.name} is not the file this demonstration was made with; it was removed.")
        fresh = folder / "unpacking"
        with tarfile.open(archive) as packed:
            packed.extractall(fresh, filter="data")
        (fresh / "package").rename(folder / "package")
        fresh.rmdir()
        archive.unlink()
    return assets / "products.csv", assets / "images"


def _fashion(folder: Path) -> tuple[Path, None]:
    installed = Path("/") / FASHION_FOLDER
    if installed.is_dir():
        return installed, None
    unpacked = folder / FASHION_FOLDER
    if not unpacked.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        show.err.print(f"fetching Debian's {FASHION}")
        _run(["apt-get", "download", "-q", FASHION], folder, f"apt-get, which fetches {FASHION}")
        package = next(folder.glob(f"{FASHION}_*.deb"))
        fresh = (folder / "unpacking").resolve()
        _run(["dpkg-deb", "-x", package.name, str(fresh)], folder, "dpkg-deb")
        shutil.move(fresh / "usr", folder / "usr")
        shutil.rmtree(fresh)
        package.unlink()
    return unpacked, None


def _run(command: list[str], folder: Path, what: str) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    except FileNotFoundError as error:
        raise CatalogueError(f"{command[0]} is not installed; the demonstration needs {what}.") from error
    except subprocess.TimeoutExpired as error:
        raise CatalogueError(f"{' '.join(command)} took more than five minutes; is there a network?") from error
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:] or ["no message"]
        raise CatalogueError(f"{' '.join(command)} failed: {last[0]}")
