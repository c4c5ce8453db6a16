"""A product as a compact JSON record, and back."""

import json
from collections.abc import Sequence
from dataclasses import fields

import orjson

from sosie.types import Product, Review

_TUPLES = ("category", "images", "videos")
_MAPPINGS = ("attributes", "other", "identifiers")
_PLAIN = tuple(field.name for field in fields(Product) if field.name not in ("id", *_MAPPINGS, "reviews"))


def encode_record(product: Product) -> bytes:
    """JSON of the fields that say something."""
    record: dict[str, object] = {"id": product.id}
    for name in _PLAIN:
        value = getattr(product, name)
        if value is not None and value != "" and value != ():
            record[name] = value
    for name in _MAPPINGS:
        if value := getattr(product, name):
            record[name] = dict(value)
    if product.reviews:
        record["reviews"] = [[review.text, review.rating] for review in product.reviews]
    try:
        return orjson.dumps(record, option=orjson.OPT_SERIALIZE_NUMPY)
    except TypeError:  # lone surrogates, integers of more than 64 bits
        return json.dumps(record, separators=(",", ":")).encode()


def read_record(raw: bytes) -> dict[str, object]:
    """The fields of a record as JSON has them."""
    try:
        record: dict[str, object] = orjson.loads(raw)
    except orjson.JSONDecodeError:  # lone surrogates
        record = json.loads(raw)
    return record


def decode_record(raw: bytes) -> Product:
    """The product that was written."""
    record = read_record(raw)
    for name in _TUPLES:
        if name in record:
            record[name] = tuple(record[name])  # type: ignore[arg-type]
    if "reviews" in record:
        record["reviews"] = tuple(Review(text, rating) for text, rating in record["reviews"])  # type: ignore[attr-defined]
    return Product(**record)  # type: ignore[arg-type]


def decode_records(raws: Sequence[bytes]) -> list[Product]:
    """Products, in the order of their records."""
    return [decode_record(raw) for raw in raws]
