"""Writes docs/answers.md: four catalogues are built and asked five questions each.

Run as `SOSIE_DATA=… python docs/generate_answers.py`. Magento's sample store, the Chinese products and a photo are read
from the folder that SOSIE_DATA names, the Shopify export and the Merchant feed from examples/.
"""

import json
import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from typer.testing import CliRunner

from sosie.cli.app import app

HERE = Path(__file__).parent
EXAMPLES = HERE.parent / "examples"
PAGE = HERE / "answers.md"
PHOTO = "green-jacket.jpg"
PHOTO_FILE = Path("clothing-small/images/test/463bbfd1-880b-4537-abb8-8ef98c2894c5.jpg")
START = """# Five answers of each of four catalogues

<!-- Written by docs/generate_answers.py. -->

Default settings. Each command stands above its answer. The parts add up to the score; here they are shown with two
decimals, and those below 0.005 are left out.
"""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """A catalogue, how it is built, and five questions, each with what to look at."""

    name: str
    file: Path
    about: str
    questions: tuple[tuple[str, str], ...]
    build: str = ""


def catalogues(data: Path) -> tuple[Catalogue, ...]:
    """The four."""
    magento, chinese = data / "magento", data / "chinese"
    return (
        Catalogue(
            "Magento's sample store",
            magento / "products.csv",
            "2,046 rows of clothes, bags and gear, with pictures; most rows are variants in size and colour.",
            (
                ("similar MH01-M-Black --limit 5", "A hoodie's look-alikes."),
                ("similar 24-WG080 --limit 5", "Gear, which has neither size nor colour."),
                (
                    'similar WJ02-M-Black --limit 5 --where "price < query.price" --category "Women > Tops"',
                    "Cheaper than the product asked about.",
                ),
                ('search --text "waterproof jacket for running in the rain" --limit 5', "Words."),
                (
                    f'search --image {PHOTO} --text "jacket" --weights image=2,colour=1 --limit 5',
                    "A phone's photo of a green quilted jacket, and a word; look and colour weigh more.",
                ),
            ),
            f"--reviews {magento / 'reviews.csv'}",
        ),
        Catalogue(
            "A Shopify export",
            EXAMPLES / "shopify.csv",
            "24 products in 40 variants of a kitchen shop, without pictures: "
            "[examples/shopify.csv](../examples/shopify.csv).",
            (
                ("similar MG-CHALK --limit 5", "A mug. Its own colours are variants, and no answers."),
                ("similar CP-26 --limit 5", "A pan: the other pan, then what is made of the same."),
                ('similar KN-20 --limit 5 --where "price < query.price and brand = query.brand"', "Within the brand."),
                ('search --text "something to brew tea in" --limit 5', "Words by meaning."),
                ('search --text "goosneck" --limit 3', "A typo."),
            ),
        ),
        Catalogue(
            "A Google Merchant feed",
            EXAMPLES / "merchant.xml",
            "28 products of an outdoor shop, without pictures: [examples/merchant.xml](../examples/merchant.xml).",
            (
                ("similar TENT-2P --limit 5", "A tent."),
                ("similar PACK-55-M --limit 5 --variants", "A backpack; its other size is a variant."),
                (
                    "similar JKT-RAIN-W-M --limit 5 --weights price=0,category=2",
                    "Category counts double, price nothing.",
                ),
                ('search --text "keep dry in the rain" --limit 5', "Words by meaning."),
                ("search --like BAG-DOWN --unlike BAG-SUMMER --limit 5", "Like one product, unlike another."),
            ),
        ),
        Catalogue(
            "Chinese products",
            chinese / "products.csv",
            "834 products of three Chinese shops: household goods, cosmetics, telephones.",
            (
                ("similar lm1006007 --limit 5", "A quilt of wool."),
                ("similar nb10703 --limit 5", "A telephone."),
                ('similar lm1006002 --limit 5 --where "price < query.price"', "Cheaper bed linen."),
                ("search --text 无线蓝牙耳机 --limit 5", "Words: wireless Bluetooth earphones."),
                ("search --text 苹果笔记本电脑 --limit 5", "A brand and a kind of thing: an Apple laptop."),
            ),
        ),
    )


def run(command: list[str]) -> dict[str, Any]:
    """The JSON that a command answers with."""
    done = CliRunner().invoke(app, [*command, "--json"])
    if done.exit_code:
        raise SystemExit(f"sosie {shlex.join(command)}: {done.exception or done.output}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def section(catalogue: Catalogue, store: Path, photo: Path) -> str:
    """Build one catalogue and ask its questions."""
    report = run(["build", str(catalogue.file), *shlex.split(catalogue.build), "--store", str(store)])
    encoded = ", ".join(signal for signal in run(["info", "--store", str(store)])["signals"])
    lines = [f"\n## {catalogue.name}\n", f"{catalogue.about} Signals: {encoded}.\n"]
    if report["dropped"] or report["rejected"]:
        lines.append(f"{report['rejected']:,} rows and {report['dropped']:,} single fields could not be used.\n")
    for question, about in catalogue.questions:
        words = [str(photo) if word == PHOTO else word for word in shlex.split(question)]
        hits = run([*words, "--store", str(store)])["hits"]
        lines += [f"**{about}**\n", "```sh", f"sosie {question}", "```\n"]
        if words[0] == "similar":
            lines.append(f"Asked about: {_asked(words[1], store)}\n")
        lines += ["| | id | title | price | score | parts |", "|---|---|---|---|---|---|", *map(_row, hits), ""]
    return "\n".join(lines)


def _asked(id: str, store: Path) -> str:
    from sosie.engine.shop import Store

    product = Store(store)[id]
    price = "" if product.price is None else f", {product.price:,.2f} {product.currency}".rstrip()
    return f"{product.title}{price}"


def _row(hit: dict[str, Any]) -> str:
    parts = sorted(hit["parts"].items(), key=lambda part: -abs(part[1]))
    shown = ", ".join(f"{signal} {value:.2f}" for signal, value in parts if abs(value) >= 0.005)
    shown += "".join(f", no {signal}" for signal in hit["missing"])
    shown += f"; variants {', '.join(hit['variants'])}" if hit.get("variants") else ""
    title = hit["title"].replace("|", "\\|")
    price = "" if hit["price"] is None else f"{hit['price']:,.2f} {hit['currency']}".strip()
    return f"| {hit['rank']} | {hit['id']} | {title} | {price} | {hit['score']:.4f} | {shown} |"


def main() -> None:
    """Write the page."""
    named = os.environ.get("SOSIE_DATA")
    if not named:
        sys.exit("SOSIE_DATA has to name the folder of the catalogues (magento/, chinese/).")
    data = Path(named)
    with TemporaryDirectory() as folder:
        stores = [Path(folder) / f"{at}.store" for at in range(4)]
        parts = [section(c, s, data / PHOTO_FILE) for c, s in zip(catalogues(data), stores, strict=True)]
    PAGE.write_text("\n".join([START, *parts]), encoding="utf-8")


if __name__ == "__main__":
    main()
