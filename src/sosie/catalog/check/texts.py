"""Judging one text or one date: does it only hold a place, say next to nothing, is it garbled, is it over?"""

import re
import unicodedata
from datetime import date

_PLACEHOLDER = re.compile(
    r"tbd|tba|to ?do|n/?a|none|null|nil|nan|undefined|unknown|untitled|placeholder|asdf|qwerty|coming soon"
    r"|lorem ipsum.*|(no )?(product )?(title|name|description)|product|(insert|your) text here|description here"
    r"|待(补充|定|完善|添加)|暂无(描述|简介|介绍)?|无|未命名|(商品|产品)?(名称|标题|描述)|占位",
    re.DOTALL,
)
_TEST = re.compile(
    r"(test(ing)?|sample|dummy|example|测试|示例|样例)[\s_-]*(product|item|title|text|商品|产品|数据)?[\s_-]*\d*"
)
_ONE_SIGN = re.compile(r"(\S)\1{2,}|[\W_]+")

# UTF-8 read as Windows-1252: a lead byte's letter and the signs of its continuation bytes.
_CONTINUATION = (
    "[\x80-\xbf"
    + "".join(
        bytes([code]).decode("cp1252") for code in range(0x80, 0xA0) if code not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)
    ).replace("^", r"\^")
    + "]"
)
_MISREAD = re.compile(f"[ÂÃ]{_CONTINUATION}|[â-ï]{_CONTINUATION}{{2}}|(?:[ÐÑ]{_CONTINUATION}){{2}}|锟斤|烫烫烫|屯屯屯")

_WORDY = re.compile(r"[\w\s]+")
_JOINTS = re.compile(r"[\W_]+")
_LETTER = re.compile(r"[^\W\d_]")
_CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
LEAST_TITLE, LEAST_TEXT = 3, 15  # letters and digits; one of Chinese, Japanese or Korean counts three
LONGEST_PLACEHOLDER = 60  # characters of a text that are looked at
LEAST_SYMBOLS = 8  # shorter texts are not judged by their share of symbols

_DATE = re.compile(r"((?:19|20)\d\d)\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})")
_DAY_FIRST = re.compile(r"(\d{1,2})\.(\d{1,2})\.((?:19|20)\d\d)")
_YEAR = re.compile(r"(?<!\d)((?:19|20)\d\d)(?!\d)")
_SEASON = re.compile(r"(?i)(?:ss|s/s|fw|f/w|aw|a/w|spring|summer|fall|autumn|winter|春|夏|秋|冬)\s*['’]?(\d\d)(?!\d)")

ENDS = re.compile(
    r"expir|valid.?(un)?til|valid.?to|end.?date|sale.*date|discontinu|availability.?date|到期|截止|有效期|结束", re.I
)
SEASONS = re.compile(r"(model.?|season.?)?year|season|collection|年份|季节|上市.*|适用季节", re.I)
UPDATES = re.compile(r"updated|modified|last.?change|changed.?at|更新|修改", re.I)


def is_placeholder(text: str) -> bool:
    """True for a text that only holds a place, in English or Chinese; False for an empty one."""
    folded = unicodedata.normalize("NFKC", text[:LONGEST_PLACEHOLDER]).casefold().strip()
    if not folded:
        return False
    core = folded.strip(" .…!?-_*[](){}<>:。！？【】（）\"'")
    return any(rule.fullmatch(part) for rule, part in ((_ONE_SIGN, folded), (_PLACEHOLDER, core), (_TEST, core)))


def is_short(text: str, least: int) -> bool:
    """True for a text that is there and holds fewer than `least` letters and digits, or no letter at all."""
    if not text.strip():
        return False
    start = _JOINTS.sub("", text[: 8 * least])
    size = len(start) + (0 if start.isascii() else 2 * len(_CJK.findall(start)))
    return size < least or not _LETTER.search(text)


def garbled(text: str) -> str:
    """Why a text is garbled: replacement characters, a wrong encoding, control characters, mostly symbols; or ""."""
    if text.isascii() and text.isprintable() and len(text) < LEAST_SYMBOLS:
        return ""
    if "\ufffd" in text:
        return "replacement characters"
    if not text.isascii() and _MISREAD.search(text):
        return "read with the wrong encoding"
    if not text.isprintable():
        strange = sum(unicodedata.category(ch) in ("Cc", "Cn", "Co", "Cs") and ch not in "\t\n\r" for ch in text)
        if strange > 0.02 * len(text):
            return "control characters"
    solid = len("".join(text.split()))
    rest = _WORDY.sub("", text)
    # marks belong to letters in many scripts (Hindi, Thai)
    if solid >= LEAST_SYMBOLS and len(rest) > solid / 2:
        symbols = sum(unicodedata.category(ch)[0] != "M" for ch in rest)
        if symbols > solid / 2:
            return "mostly symbols"
    return ""


def last_date(text: str) -> date | None:
    """The last date written in a text (ISO, 2024年5月1日, 1.5.2024; of an interval, its end)."""
    found = [(match.end(), match.group(1), match.group(2), match.group(3)) for match in _DATE.finditer(text)]
    found += [(match.end(), match.group(3), match.group(2), match.group(1)) for match in _DAY_FIRST.finditer(text)]
    for _, year, month, day in sorted(found, reverse=True):
        try:
            return date(int(year), int(month), int(day))
        except ValueError:
            continue
    return None


def season_year(text: str) -> int | None:
    """The last year named as 2023, or by a season as in SS23 and Fall '23."""
    if years := _YEAR.findall(text):
        return max(map(int, years))
    if seasons := _SEASON.findall(text):
        return 2000 + max(map(int, seasons))
    return None
