"""A flat catalogue from its file to its products: columns, pictures, ids, stamps, reviews."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from sosie.catalog import Source, open_source
from sosie.catalog.ids import Seen
from sosie.errors import CatalogueError
from sosie.types import Product, Reject, Review


def items(source: Source) -> tuple[list[Product], list[Reject]]:
    """All products and rejects of a source."""
    read = [item for batch in source.batches() for item in source.read(batch)]
    return [i for i in read if isinstance(i, Product)], [i for i in read if isinstance(i, Reject)]


def write(folder: Path, content: str, name: str = "products.csv") -> Path:
    """A catalogue file."""
    file = folder / name
    file.write_text(content, encoding="utf-8")
    return file


def opened(folder: Path, content: str, **options: object) -> Source:
    """A catalogue of some content."""
    return open_source(write(folder, content), **options)  # type: ignore[arg-type]


def test_english_columns(tmp_path: Path) -> None:
    source = opened(
        tmp_path,
        "SKU,Product Name,Description,Category,Brand,Price,Sale Price,Currency,"
        "Colour,EAN,MPN,Stock,Availability,URL,Lang\n"
        '007,Lamp,<p>Bright &amp; <b>warm</b></p>,Home > Light,Lumo,"$1,299.00",999,usd,Red,0123,M-1,4,in stock,https://x/1,EN\n',
    )
    (product,), rejects = items(source)
    assert not rejects
    assert product == Product(
        id="007",
        title="Lamp",
        text="Bright & warm",
        category=("Home > Light",),
        brand="Lumo",
        price=1299.0,
        currency="USD",
        sale_price=999.0,
        attributes={"Colour": "Red"},
        identifiers={"gtin": "0123", "mpn": "M-1"},
        available=True,
        stock=4.0,
        url="https://x/1",
        language="en",
        group="007",
    )
    assert source.guess.attributes == ("Colour",)
    assert source.guess.fields["SKU"] == "id"


def test_chinese_columns(tmp_path: Path) -> None:
    text = (
        "货号,商品名称,详情,一级类目,二级类目,品牌,价格,市场价,库存,颜色,评分\n"
        "A1,纯棉T恤,夏季新款,服装,上衣,优品,¥199,299,12,红色,4.5\n"
    )
    file = tmp_path / "商品.csv"
    file.write_bytes(text.encode("gb18030"))
    source = open_source(file)
    (product,), _ = items(source)
    assert (product.id, product.title, product.text, product.brand) == ("A1", "纯棉T恤", "夏季新款", "优品")
    assert product.category == ("服装 > 上衣",)
    assert (product.price, product.sale_price, product.currency) == (299.0, 199.0, "CNY")
    assert (product.stock, product.rating, product.language) == (12.0, 4.5, "zh")
    assert product.attributes == {"颜色": "红色"}
    assert source.guess.encoding == "gb18030"


def test_what_is_no_attribute_is_kept_apart(tmp_path: Path) -> None:
    header = (
        "id,title,colour,split,label,class_id,source_path,orig_w,width,height,image,created_at,weight_note,shop,serial"
    )
    rows = "".join(
        f"{n},T{n},red,train,cat,{n % 3},a/{n}.jpg,100,192,256,i/{n}.jpg,2024-01-0{n % 9 + 1},n{n % 4},sosie,S{n}x\n"
        for n in range(40)
    )
    source = opened(tmp_path, header + "\n" + rows, ignore=["weight_note"])
    products, _ = items(source)
    assert products[0].attributes == {"colour": "red"}
    assert set(products[0].other) == {
        "split", "label", "class_id", "source_path", "orig_w", "width", "height", "created_at",
        "weight_note", "shop", "serial",
    }  # fmt: skip
    why = source.guess.ignored
    assert why["split"] == "a split"
    assert why["weight_note"] == "ignored as asked"
    assert why["shop"] == "the same value in every row"
    assert why["serial"] == "another value in every row"


def test_furniture_keeps_its_width(tmp_path: Path) -> None:
    source = opened(tmp_path, "id,title,image,width,height,depth\n1,Sofa,a.jpg,200,80,90\n2,Chair,b.jpg,50,90,60\n")
    assert items(source)[0][0].attributes == {"width": "200", "height": "80", "depth": "90"}


@pytest.mark.parametrize(
    ("header", "row", "path"),
    [
        ("category1,category2,category3", "A,B,C", "A > B > C"),
        ("category2,category1", "B,A", "A > B"),
        ("masterCategory,subCategory,articleType", "Apparel,Topwear,Shirts", "Apparel > Topwear > Shirts"),
        ("Category,Sub Category", "A,B", "A > B"),
        ("cat_level_1,cat_level_2", "A,A", "A"),
        ("category,style", "A,B", "A"),
    ],
)
def test_levels_of_a_category_are_joined(header: str, row: str, path: str, tmp_path: Path) -> None:
    products, _ = items(opened(tmp_path, f"id,{header}\n1,{row}\n"))
    assert products[0].category == (path,)


def test_ignored_levels_stay_out_of_the_path(tmp_path: Path) -> None:
    content = "id,masterCategory,subCategory,articleType\n1,Apparel,Topwear,Shirts\n"
    products, _ = items(opened(tmp_path, content, ignore=["articleType"]))
    assert products[0].category == ("Apparel > Topwear",)
    assert products[0].other == {"articleType": "Shirts"}


def test_a_mapping_wins_over_the_guess(tmp_path: Path) -> None:
    content = "id,title,Kopf,a,b\n1,wrong,right,X,Y\n"
    source = opened(tmp_path, content, mapping={"title": "kopf", "category": "a,b"})
    (product,), _ = items(source)
    assert product.title == "right"
    assert product.category == ("X > Y",)
    assert product.other == {"title": "wrong"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"mapping": {"titel": "name"}}, "no field 'titel'.*title"),
        ({"mapping": {"title": "nme"}}, "no column 'nme'.*name"),
        ({"ignore": ["colur"]}, "no column 'colur'.*colour"),
        ({"images": Path("/nowhere/at/all")}, "no such folder"),
    ],
)
def test_misspelt_options_name_the_near_ones(options: dict[str, object], said: str, tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=said):
        opened(tmp_path, "id,name,colour\n1,Lamp,red\n", **options)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("id,title,price\n", "holds no product"),
        ("title,price\nLamp,1\n", "neither a column of ids nor one of pictures"),
    ],
)
def test_files_without_products_are_refused(content: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=said):
        opened(tmp_path, content)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="no such file"):
        open_source(tmp_path / "none.csv")


def test_a_list_of_pictures_takes_the_path_as_id(tmp_path: Path) -> None:
    source = opened(tmp_path, "image,split\nimages/a.jpg,train\nimages/b.jpg,test\n")
    products, _ = items(source)
    assert [p.id for p in products] == ["images/a.jpg", "images/b.jpg"]
    assert products[0].images == (f"{os.path.realpath(tmp_path)}/images/a.jpg",)
    assert any("taken as the id" in note for note in source.guess.notes)


def test_repeated_and_missing_ids_are_rejected_with_their_rows(tmp_path: Path) -> None:
    source = opened(tmp_path, "id,title\n1,first\n1,second\n,none\n 1 ,third\n2,other\n")
    products, rejects = items(source)
    assert [p.title for p in products] == ["first", "other"]
    assert [(r.row, r.field, r.fatal) for r in rejects] == [(2, "id", True), (3, "id", True), (4, "id", True)]
    assert rejects[0].reason == "repeats the id of row 1, which is kept"
    (batch,) = source.batches()
    assert batch.ids == ["1", "", "", "", "2"]


def test_ids_that_repeat_make_a_group_where_another_column_tells_apart(tmp_path: Path) -> None:
    rows = "".join(f"{n // 3},SKU{n},Shirt {n // 3}\n" for n in range(30))
    source = opened(tmp_path, "product_id,sku,title\n" + rows)
    products, rejects = items(source)
    assert not rejects
    assert (products[4].id, products[4].group) == ("SKU4", "1")


def test_repeats_are_found_across_batches() -> None:
    rng = np.random.default_rng(0)
    seen = Seen()
    first: dict[str, int] = {}
    for start in range(0, 5_000, 500):
        ids = [str(value) for value in rng.integers(0, 3_000, 500)]
        rows = np.arange(start + 1, start + 501)
        expected = {}
        for at, id in enumerate(ids):
            if id in first:
                expected[at] = first[id]
            else:
                first[id] = start + at + 1
        assert seen.add(pl.Series(ids), rows) == expected
    asked = [*list(first)[:50], "never"]
    assert seen.contains(pl.Series(asked)).tolist() == [True] * 50 + [False]


def stamps(source: Source) -> dict[str, int]:
    """Stamp of every id."""
    return {id: int(s) for batch in source.batches() for id, s in zip(batch.ids, batch.stamps, strict=True)}


def test_stamps_change_with_what_is_said_of_a_product_and_with_nothing_else(tmp_path: Path) -> None:
    content = "id,title,colour\n" + "".join(f"{n},Lamp {n},red\n" for n in range(50))
    before = stamps(opened(tmp_path, content))
    assert stamps(opened(tmp_path, content)) == before
    reordered = "id,title,colour\n" + "".join(f"{n},Lamp {n},red\n" for n in reversed(range(50)))
    assert stamps(opened(tmp_path, reordered)) == before
    after = stamps(opened(tmp_path, content.replace("7,Lamp 7,", "7,Lamp seven,")))
    assert [id for id in before if before[id] != after[id]] == ["7"]
    assert not set(stamps(opened(tmp_path, content, ignore=["colour"])).values()) & set(before.values())
    assert not set(stamps(opened(tmp_path, content, mapping={"brand": "colour"})).values()) & set(before.values())


def test_stamps_change_with_reviews_pictures_and_downloads(tmp_path: Path) -> None:
    content = "id,title,image\n1,a,one.jpg\n2,b,two.jpg\n3,c,https://x.org/3.jpg\n"
    (tmp_path / "one.jpg").write_bytes(b"1")
    before = stamps(opened(tmp_path, content))

    def changed(**options: object) -> list[str]:
        after = stamps(opened(tmp_path, content, **options))
        return [id for id in before if before[id] != after[id]]

    assert changed() == []
    assert changed(reviews=write(tmp_path, "id,text,rating\n2,Good,5\n", "r.csv")) == ["2"]
    assert changed(downloaded={"https://x.org/3.jpg": "/tmp/3.jpg"}) == ["3"]
    (tmp_path / "one.jpg").write_bytes(b"another picture")
    assert changed() == ["1"]


def test_only_some_rows_are_read(tmp_path: Path) -> None:
    source = opened(tmp_path, "id,title\n" + "".join(f"{n},T{n}\n" for n in range(10)) + "3,again\n")
    (batch,) = source.batches()
    some = list(source.read(batch, np.array([2, 5, 10])))
    assert [i.id if isinstance(i, Product) else i.row for i in some] == ["2", "5", 11]
    assert not list(source.read(batch, np.array([], np.int64)))


def test_faults_of_a_cell_drop_the_field_and_keep_the_product(tmp_path: Path) -> None:
    content = "id,title,price,stock,rating\n1,Lamp,call us,many,4\n2,Chair,5,3,4\n3,Sofa,6,2,5\n"
    products, rejects = items(opened(tmp_path, content))
    assert [p.price for p in products] == [None, 5, 6]
    assert [(r.row, r.field, r.raw, r.fatal) for r in rejects] == [
        (1, "price", "call us", False),
        (1, "stock", "many", False),
    ]


def folder_of(tmp_path: Path, files: Sequence[str]) -> Path:
    """A catalogue's folder with pictures, and a secret beside it."""
    folder = tmp_path / "shop"
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    return folder


@pytest.mark.parametrize(
    "ref",
    [
        "../secret.jpg",
        "/etc/passwd",
        "a/../../secret.jpg",
        "link.jpg",
        "out/secret.jpg",
        "..",
        "C:\\x.jpg",
        "..\\secret.jpg",
    ],
)
def test_pictures_outside_the_folder_are_refused(ref: str, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, ["ok.jpg"])
    (folder / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    (folder / "out").symlink_to(tmp_path)
    products, rejects = items(opened(folder, f"id,image\n1,ok.jpg|{ref}\n2,ok.jpg\n"))
    assert [p.images for p in products] == [(f"{folder}/ok.jpg",)] * 2
    assert [(r.row, r.field, r.raw, r.fatal) for r in rejects] == [(1, "images", ref, False)]


def test_pictures_are_found_where_they_lie(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, ["images/a.jpg", "b.jpg", "deep/c.jpg"])
    (folder / "near.jpg").symlink_to(folder / "b.jpg")
    products, _ = items(
        opened(folder, "id,image\n1,a.jpg\n2,images/a.jpg\n3,b.jpg\n4,deep\\c.jpg\n5,near.jpg\n6,gone.jpg\n")
    )
    found = [str(Path(image).relative_to(folder)) for p in products for image in p.images]
    assert found[:5] == ["images/a.jpg", "images/a.jpg", "b.jpg", "deep/c.jpg", "b.jpg"]
    assert found[5] in {"gone.jpg", "images/gone.jpg"}


def test_pictures_in_a_folder_of_their_own(tmp_path: Path) -> None:
    pictures = folder_of(tmp_path, ["a.jpg"])
    other = tmp_path / "lists"
    other.mkdir()
    source = opened(other, "id,image\n1,a.jpg\n2,../secret.jpg\n", images=pictures)
    products, rejects = items(source)
    assert products[0].images == (f"{pictures}/a.jpg",)
    assert [r.row for r in rejects] == [2]


def test_addresses_are_read_only_once_downloaded(tmp_path: Path) -> None:
    content = "id,image\n1,https://x.org/1.jpg|https://x.org/1b.jpg\n2,b.jpg\n"
    source = opened(tmp_path, content)
    assert list(source.picture_urls()) == ["https://x.org/1.jpg", "https://x.org/1b.jpg"]
    assert items(source)[0][0].images == ()
    assert any("--download-images" in note for note in source.guess.notes)
    again = opened(tmp_path, content, downloaded={"https://x.org/1b.jpg": "/cache/x.jpg"})
    assert items(again)[0][0].images == ("/cache/x.jpg",)


def test_reviews_in_a_file_of_their_own(tmp_path: Path) -> None:
    reviews = write(
        tmp_path, "sku,rating,title,review\n1,4,Fine,Warm and soft\n1,2,,Too small\n9,5,x,y\n2,,,\n", "reviews.csv"
    )
    source = opened(tmp_path, "id,title\n1,Coat\n2,Hat\n", reviews=reviews)
    products, _ = items(source)
    assert products[0].reviews == (Review("Fine. Warm and soft", 4.0), Review("Too small", 2.0))
    assert (products[0].rating, products[0].rating_count) == (3.0, 2)
    assert products[1].reviews == ()
    assert [(r.row, r.raw, r.fatal) for r in source.leftovers()] == [(3, "9", False)]


def test_reviews_that_name_no_product_column_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="reviews need a column"):
        opened(tmp_path, "id,title\n1,a\n", reviews=write(tmp_path, "words\nx\n", "r.csv"))


@pytest.mark.parametrize(
    ("cell", "spread"),
    [
        ("材质=棉;工艺=刺绣", {"材质": "棉", "工艺": "刺绣"}),
        ('"{""Fit"": ""slim"", ""split"": ""test""}"', {"Fit": "slim"}),
    ],
)
def test_attributes_of_one_cell_are_spread(cell: str, spread: Mapping[str, str], tmp_path: Path) -> None:
    products, _ = items(opened(tmp_path, f"id,title,attributes\n1,a,{cell}\n2,b,{cell}\n"))
    assert products[0].attributes == spread


def test_a_file_mostly_of_broken_rows_is_still_read(tmp_path: Path) -> None:
    content = "id,title,price\n" + "".join(f"{n},a,1\n" if n % 3 else f"{n},a\n" for n in range(1, 31))
    products, rejects = items(opened(tmp_path, content))
    assert len(products) == 20
    assert len(rejects) == 10
    assert all(r.fatal for r in rejects)


def test_an_id_with_line_breaks_or_of_great_length_is_refused(tmp_path: Path) -> None:
    products, rejects = items(opened(tmp_path, f'id,title\n"a\nb",x\n{"y" * 501},z\n3,ok\n'))
    assert [p.id for p in products] == ["3"]
    assert [r.row for r in rejects] == [1, 2]


@pytest.mark.parametrize(
    ("column", "apart"),
    [
        ("label", True), ("class_id", True), ("Class", True), ("coarse_label", True), ("split", True), ("source", True),
        ("image_hash", True), ("Energy class", False), ("Light source", False), ("Cooking time", False),
        ("Material", False), ("产地", False), ("创建时间", True),
    ],
)  # fmt: skip
def test_names_that_say_a_column_is_no_attribute(column: str, apart: bool, tmp_path: Path) -> None:
    (product,), _ = items(opened(tmp_path, f"id,title,{column}\n1,a,x\n"))
    assert (column in product.other, column in product.attributes) == (apart, not apart)


def test_currencies_and_languages_as_columns_say_them(tmp_path: Path) -> None:
    (one, two), _ = items(opened(tmp_path, "id,price,currency,lang\n1,5,€,en-US\n2,$6,,zh_CN\n"))
    assert (one.currency, one.language, two.currency, two.language) == ("EUR", "en", "USD", "zh")
    (named,), _ = items(opened(tmp_path, "id,Price (GBP)\n1,5\n"))
    assert (named.price, named.currency) == (5.0, "GBP")
    (yen,), _ = items(opened(tmp_path, "id,title,price\n1,ランプ,¥500\n"))
    assert yen.currency == "JPY"


def test_escaped_signs_in_categories(tmp_path: Path) -> None:
    (product,), _ = items(opened(tmp_path, "id,category\n1,Home &gt; Light &amp; Lamps\n"))
    assert product.category == ("Home > Light & Lamps",)
