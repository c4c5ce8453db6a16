"""CSV and TSV as they come: quotes, encodings, delimiters, and files that are broken."""

import csv
import gzip
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sosie.catalog import delimited, encoding
from sosie.catalog.delimited import read_delimited
from sosie.catalog.frames import ROW
from sosie.errors import CatalogueError
from sosie.types import Reject


def read(file: Path, content: bytes | str) -> tuple[list[tuple[str, ...]], list[int], list[Reject]]:
    """Cells, record numbers and rejects of a file with some content."""
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    table = read_delimited(file)
    rows: list[tuple[str, ...]] = []
    numbers: list[int] = []
    rejects: list[Reject] = []
    for chunk in table.chunks():
        rows += chunk.frame.drop(ROW).rows()
        numbers += chunk.frame[ROW].to_list()
        rejects += chunk.rejects
    return rows, numbers, rejects


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "products.csv"


def test_quoted_cells_hold_delimiters_quotes_and_line_breaks(file: Path) -> None:
    rows, numbers, rejects = read(file, 'id,text\r\n1,"a, ""b""\nc"\r\n2,\r\n007,plain\r\n')
    assert rows == [("1", 'a, "b"\nc'), ("2", ""), ("007", "plain")]
    assert numbers == [1, 2, 3]
    assert not rejects


def test_quotes_within_words_and_padding_around_quotes_are_read(file: Path) -> None:
    rows, _, rejects = read(file, 'id,title\n1,27" monitor\n2,  "padded, yes"   \n3,"the 27" one"\n4,ok\n')
    assert rows == [("1", '27" monitor'), ("2", "padded, yes"), ("3", 'the 27" one'), ("4", "ok")]
    assert not rejects


@pytest.mark.parametrize(
    "broken",
    [
        '2,"Lamp,20\n',  # never closed
        '2,"Lamp,20\n3,"Chair",30\n',
    ],
)
def test_a_quote_that_is_never_closed_costs_its_own_row_only(file: Path, broken: str) -> None:
    after = "".join(f'{n},"Chair, {n}",{n}\n' for n in range(10, 2_000))
    rows, _, rejects = read(file, "id,title,price\n1,Sofa,10\n" + broken + after)
    assert [r.row for r in rejects] == [2]
    assert rejects[0].raw == '2,"Lamp,20'
    assert "never closed" in rejects[0].reason
    assert rows[0] == ("1", "Sofa", "10")
    assert rows[-1] == ("1999", "Chair, 1999", "1999")
    assert len(rows) == 1_991 + broken.count("\n") - 1


def test_an_unclosed_quote_in_an_unquoted_file_does_not_swallow_the_rest(file: Path) -> None:
    rows, numbers, rejects = read(file, 'id,title\n1,a\n2,"b\n' + "".join(f"{n},c\n" for n in range(3, 5_000)))
    assert [r.row for r in rejects] == [2]
    assert len(rows) == 4_998
    assert numbers[-1] == 4_999


def test_ragged_rows_are_named_and_the_others_read(file: Path) -> None:
    rows, numbers, rejects = read(file, "id,title,price\n1,a,1\n2,b\n3,c,3,4\n4,d,4,,\n\n5,e,5\n")
    assert rows == [("1", "a", "1"), ("4", "d", "4"), ("5", "e", "5")]
    assert numbers == [1, 4, 5]
    assert [(r.row, r.raw) for r in rejects] == [(2, "2,b"), (3, "3,c,3,4")]
    assert "2 cells where the header names 3" in rejects[0].reason


def test_a_giant_field_is_rejected_and_what_follows_is_read(file: Path) -> None:
    rows, _, rejects = read(file, b"id,text\n1,a\n2," + b"x" * (30 << 20) + b"\n3,c\n")
    assert rows == [("1", "a"), ("3", "c")]
    assert [r.row for r in rejects] == [2]
    assert "longer than 8 MB" in rejects[0].reason
    assert len(rejects[0].raw) <= 2_000


def test_a_giant_quoted_field_is_rejected(file: Path) -> None:
    rows, _, rejects = read(file, b'id,text\n1,a\n2,"' + b"x" * (30 << 20) + b'"\n3,c\n')
    assert rows == [("1", "a"), ("3", "c")]
    assert [r.row for r in rejects] == [2]


def test_nul_bytes_are_taken_out_and_named(file: Path) -> None:
    file.write_bytes(b"id,title\n1,a\0b\n2,c\n")
    chunks = list(read_delimited(file).chunks())
    assert [row for chunk in chunks for row in chunk.frame.drop(ROW).rows()] == [("1", "ab"), ("2", "c")]
    (fault,) = [fault for chunk in chunks for fault in chunk.dropped]
    assert (fault.row, fault.field, fault.fatal) == (1, "title", False)


def test_records_are_the_same_whatever_the_size_of_the_blocks(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = "id,text\n" + "".join(f'{n},"été ""{n}""\n第 {n}, {"z" * (n % 40)}"\n{n}b,5" x\n' for n in range(300))
    whole = read(file, content)
    monkeypatch.setattr(encoding, "BLOCK", 61)
    assert read(file, content) == whole
    assert len(whole[0]) == 600


CELL = st.text(st.sampled_from('a,";\n é第 0\t'), max_size=6)


@settings(max_examples=150, deadline=None)
@given(rows=st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=12), ends=st.sampled_from(["\n", "\r\n"]))
def test_what_a_csv_writer_wrote_is_read_back(
    rows: list[tuple[str, str, str]], ends: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=ends, quoting=csv.QUOTE_ALL)
    writer.writerow(["first", "second", "third"])
    writer.writerows(rows)
    file = tmp_path_factory.mktemp("csv") / "x.csv"
    file.write_bytes(out.getvalue().encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "BLOCK", 50)
        chunks = list(read_delimited(file, delimiter=",").chunks())
    assert [row for chunk in chunks for row in chunk.frame.drop(ROW).rows()] == rows
    assert not [reject for chunk in chunks for reject in chunk.rejects]


@settings(max_examples=200, deadline=None)
@given(body=st.text(st.sampled_from('ab,"\n'), max_size=60))
def test_any_bytes_are_either_read_or_rejected_never_lost(body: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("csv") / "x.csv"
    marks = "".join(f"{n},tail{n}\n" for n in range(5))
    file.write_text(f"id,text\n{body}\n{marks}", encoding="utf-8")
    chunks = list(read_delimited(file, delimiter=",").chunks())
    read_cells = [cell for chunk in chunks for row in chunk.frame.drop(ROW).rows() for cell in row]
    raws = [reject.raw for chunk in chunks for reject in chunk.rejects]
    kept = "\n".join([*read_cells, *raws])
    assert sum(kept.count(letter) for letter in "ab") >= sum(body.count(letter) for letter in "ab")
    assert all(f"tail{n}" in kept for n in range(5))
    numbers = [n for chunk in chunks for n in chunk.frame[ROW].to_list()] + [r.row for c in chunks for r in c.rejects]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))


TEXTS = {
    "utf-8": "id,标题,note\n1,红色 T恤,été €\n",
    "utf-8-sig": "id,标题,note\n1,红色 T恤,été €\n",
    "utf-16": "id,标题,note\n1,红色 T恤,été €\n",
    "utf-16-le": "id,title,note\n1,plain,été €\n2,more of it,so that zeros show\n",
    "gb18030": "货号,标题,描述\n1,红色纯棉短袖T恤,夏季新款宽松百搭\n2,蓝色牛仔裤,修身显瘦\n",
    "latin-1": "id,title,note\n1,Écharpe été,Größe für Männer\n2,Año,déjà vu, naïve\n".replace("vu, naïve", "vu naïve"),
    "cp1252": "id,title,price\n1,Canapé d’été,12 €\n2,Théière – noire,9 €\n",
}


@pytest.mark.parametrize("name", TEXTS)
def test_encodings_are_recognised(name: str, file: Path) -> None:
    rows, _, rejects = read(file, TEXTS[name].encode(name))
    expected = [tuple(line.split(",")) for line in TEXTS[name].splitlines()[1:]]
    assert rows == expected
    assert not rejects


@pytest.mark.parametrize("word", ["été", "naïveté", "Ärger", "Øl", "São", "ÄÖÜ", "œuvre", "Übergrößenträger"])
def test_one_western_word_does_not_make_a_file_chinese(word: str, file: Path) -> None:
    data = f"id,title\n1,{word} one\n2,two\n".encode("cp1252")
    assert read(file, data)[0][0] == ("1", f"{word} one")


def test_a_few_wrong_bytes_cost_their_rows_not_the_file(file: Path) -> None:
    lines = [f"{n},Écharpe été {n}".encode() for n in range(100)]
    lines[40] = b"40,\xc9charpe"
    rows, _, rejects = read(file, b"id,title\n" + b"\n".join(lines))
    assert len(rows) == 99
    assert [(r.row, r.field) for r in rejects] == [(41, "title")]
    assert "not text" in rejects[0].reason


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_are_recognised(delimiter: str, file: Path) -> None:
    lines = [["id", "title", "price"], ["1", "Lamp, round; new", "12,50"], ["2", "Chair", "1,50"]]
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(lines)
    assert read(file, out.getvalue())[0] == [tuple(line) for line in lines[1:]]


def test_gzip_and_old_mac_line_ends_are_read(file: Path) -> None:
    assert read(file, gzip.compress(b"id,title\r1,a\r2,b\r"))[0] == [("1", "a"), ("2", "b")]


def test_repeated_and_nameless_columns_get_names(file: Path) -> None:
    file.write_text("id,name,name,\n1,a,b,c\n")
    table = read_delimited(file)
    assert table.columns == ("id", "name", "name (2)", "column 4")
    assert "more than once" in table.notes[0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf\r\n\n", "is empty"),
        (b"PK\x03\x04rest", "save the sheet as CSV"),
        (b"\x89PNG\r\n", "a PNG picture"),
        (b'id,"title\n1,a\n2,b\n', "names the columns"),
    ],
)
def test_files_that_are_no_table_are_named(content: bytes, said: str, file: Path) -> None:
    with pytest.raises(CatalogueError, match=said) as error:
        read(file, content)
    assert str(file) in str(error.value)


def test_a_gzip_file_that_breaks_off_is_named(file: Path) -> None:
    with pytest.raises(CatalogueError, match=r"damaged|breaks off"):
        read(file, gzip.compress(b"id,title\n" + bytes(range(65, 91)) * 9_000)[:-30])


def test_longest_record_is_a_bound_on_memory(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "LONGEST", 200)
    monkeypatch.setattr(encoding, "BLOCK", 64)
    rows, _, rejects = read(file, 'id,text\n1,a\n2,"' + "y" * 900 + '"\n3,' + "z" * 150 + "\n4,d\n")
    assert [row[0] for row in rows] == ["1", "3", "4"]
    assert [r.row for r in rejects] == [2]


def test_quotes_around_a_part_of_a_cell_are_kept_as_they_are(file: Path) -> None:
    rows, _, rejects = read(file, 'id\ttitle\tprice\n1\t"Best" lamp\t12\n2\t"a\tb" c\t13\n3\tx\t1\n')
    assert rows == [("1", '"Best" lamp', "12"), ("2", '"a\tb" c', "13"), ("3", "x", "1")]
    assert not rejects


def test_excels_line_that_names_the_delimiter(file: Path) -> None:
    assert read(file, "sep=;\r\nid;title\r\n1;a, b\r\n")[0] == [("1", "a, b")]


@pytest.mark.parametrize(
    "line",
    [
        '#,# 27" wide,12',
        '#,"# wide,12',
        "#,a",
        '#,"x""y",3',
        '#,"x" y" z,3',
        '#,"",",3',
        '#,"a\nb,3',
        "#,a,b,c",
        "#,a,b,,",
        '#,"a\nb",c,d',
    ],
)
def test_files_broken_in_every_row_are_read_in_time_with_their_length(line: str, file: Path) -> None:
    """Every record is accounted for; were the work quadratic, this would take minutes."""
    rows, numbers, rejects = read(file, "id,b,c\n" + "".join(line.replace("#", str(n)) + "\n" for n in range(10_000)))
    found = sorted(numbers + [reject.row for reject in rejects])
    assert found == list(range(1, len(found) + 1))
    assert len(found) >= 10_000
    assert len(rows) == len(numbers)


def test_a_ragged_record_of_several_lines_is_rejected_whole(file: Path) -> None:
    rows, _, rejects = read(file, 'id,b,c\n1,"a\nb",c,d\n2,x,y\n')
    assert rows == [("2", "x", "y")]
    assert [(r.row, r.raw) for r in rejects] == [(1, '1,"a\nb",c,d')]
