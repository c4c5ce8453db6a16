"""Prices as people write them: amount and currency."""

import math
import re
from collections.abc import Iterable
from functools import lru_cache

CODES = frozenset(
    [
        "AED",
        "ARS",
        "AUD",
        "BGN",
        "BRL",
        "CAD",
        "CHF",
        "CLP",
        "CNY",
        "COP",
        "CZK",
        "DKK",
        "EGP",
        "EUR",
        "GBP",
        "HKD",
        "HRK",
        "HUF",
        "IDR",
        "ILS",
        "INR",
        "ISK",
        "JPY",
        "KRW",
        "KWD",
        "KZT",
        "MAD",
        "MXN",
        "MYR",
        "NGN",
        "NOK",
        "NZD",
        "PEN",
        "PHP",
        "PKR",
        "PLN",
        "QAR",
        "RON",
        "RSD",
        "RUB",
        "SAR",
        "SEK",
        "SGD",
        "THB",
        "TRY",
        "TWD",
        "UAH",
        "USD",
        "VND",
        "ZAR",
    ]
)
SIGNS = {
    "$": "USD", "US$": "USD", "USD$": "USD", "A$": "AUD", "AU$": "AUD", "C$": "CAD", "CA$": "CAD", "HK$": "HKD",
    "NT$": "TWD", "S$": "SGD", "R$": "BRL", "MX$": "MXN", "NZ$": "NZD", "€": "EUR", "£": "GBP", "¥": "CNY", "￥": "CNY",
    "CN¥": "CNY", "JP¥": "JPY", "元": "CNY", "人民币": "CNY", "RMB": "CNY", "圆": "CNY", "円": "JPY", "₹": "INR",
    "Rs": "INR", "Rs.": "INR", "₩": "KRW", "원": "KRW", "₽": "RUB", "руб": "RUB", "руб.": "RUB", "zł": "PLN",
    "Kč": "CZK", "₺": "TRY", "TL": "TRY", "₪": "ILS", "฿": "THB", "₫": "VND", "₴": "UAH", "Ft": "HUF", "lei": "RON",
    "Fr.": "CHF", "SFr.": "CHF", "kr": "kr", "kr.": "kr",
}  # fmt: skip
NOTHING = frozenset(
    {"", "-", "–", "—", "n/a", "na", "nan", "none", "null", "nil", "#n/a", "?", "tbd", "无", "暂无", "面议"}
)
_NUMBER = re.compile(r"[-−]?\d[\d.,'’\s]*|[-−]?[.,]\d+")
_SIGN = re.compile(
    "|".join(
        re.escape(sign) for sign in sorted(SIGNS, key=len, reverse=True) if not sign.isascii() or not sign.isalpha()
    )
)
_RANGE = re.compile(r"(?<=\d)\s*(?:[-–—~]|to|bis|à|至|到)\s*(?=\D{0,4}\d)")
_COMMA_DECIMAL = re.compile(r"\d,\d{1,2}(?!\d)")
_POINT_DECIMAL = re.compile(r"\d\.\d{1,2}(?!\d)")
_SCIENTIFIC = re.compile(r"\d+(?:\.\d+)?[eE][+-]?\d+")
_SPACES = re.compile(r"[\s\u00a0\u202f\u2009'’]+")


def decimal_comma(cells: Iterable[str]) -> bool:
    """Whether a column writes its decimals after a comma."""
    comma = point = 0
    for cell in cells:
        comma += bool(_COMMA_DECIMAL.search(cell))
        point += bool(_POINT_DECIMAL.search(cell))
    return comma > point


@lru_cache(maxsize=1 << 16)
def parse_money(cell: str, comma: bool = False) -> tuple[float | None, str]:
    """Amount and currency ("" where it is not said); the lower end of a range.

    `comma`: the column writes decimals after a comma, which decides "1.299" and "1,299". Raises ValueError
    for a text that holds no amount; a text that says there is none ("n/a") has None.
    """
    text = cell.strip()
    if text.isascii() and text.isdigit():
        return _finite(float(text), cell), ""
    if text.casefold() in NOTHING:
        return None, ""
    if _SCIENTIFIC.fullmatch(text):
        return _finite(float(text), cell), ""
    currency = _currency(text)
    first = _RANGE.split(text, maxsplit=1)[0]
    found = _NUMBER.search(first)
    if not found:
        raise ValueError(f"'{cell[:60]}' is not an amount")
    # Three digits behind the point of "1.299 €" are thousands; behind that of a bare "1.299" they are decimals.
    amount = parse_number(found[0], comma, thousands=comma or bool(currency))
    if amount < 0:
        raise ValueError(f"'{cell[:60]}' is below zero")
    return _finite(amount, cell), currency


def _finite(amount: float, cell: str) -> float:
    if not math.isfinite(amount):
        raise ValueError(f"'{cell[:60]}' is not a finite number")
    return amount


def parse_number(text: str, comma: bool = False, *, thousands: bool = False) -> float:
    """A number with or without thousands, decimals after a point or a comma.

    `comma`: "1,299" has decimals; `thousands`: "1.299" has none. Raises ValueError.
    """
    digits = _SPACES.sub("", text).replace("−", "-").rstrip(".,")
    points, commas = digits.count("."), digits.count(",")
    if points and commas:
        decimal = "." if digits.rfind(".") > digits.rfind(",") else ","
    elif points + commas == 1:
        mark = "." if points else ","
        behind = len(digits) - digits.rfind(mark) - 1
        grouped = behind == 3 and len(digits.lstrip("-")) > 4 and not digits.lstrip("-").startswith("0")
        decimal = "" if grouped and (thousands if points else not comma) else mark
    else:
        decimal = ""
    if decimal == ",":
        digits = digits.replace(".", "").replace(",", ".")
    elif decimal == ".":
        digits = digits.replace(",", "")
    else:
        digits = digits.replace(".", "").replace(",", "")
    return float(digits)


def _currency(text: str) -> str:
    for code in re.findall(r"[A-Za-z]{3}", text):
        if code.upper() in CODES:
            return str(code.upper())
    sign = _SIGN.search(text)
    if sign:
        return SIGNS[sign[0]]
    word = re.search(r"(?<![A-Za-z])(RMB|Rs|TL|Ft|lei|kr)(?![A-Za-z])", text, re.IGNORECASE)
    if word:
        return next(value for key, value in SIGNS.items() if key.casefold() == word[0].casefold())
    return ""
