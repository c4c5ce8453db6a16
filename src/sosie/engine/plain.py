"""Answers as plain values: the JSON that the command line and the service share."""

from sosie.types import Hit, Product


def hit_as_json(hit: Hit) -> dict[str, object]:
    """A hit as the JSON contract has it."""
    product = hit.product
    found: dict[str, object] = {
        "id": product.id,
        "title": product.title,
        "score": hit.score,
        "rank": hit.rank,
        "parts": dict(hit.parts),
        "missing": list(hit.missing),
        "price": product.price,
        "currency": product.currency,
        "category": list(product.category),
        "images": list(product.images),
        "url": product.url,
        "group": product.group,
    }
    if hit.likely is not None:
        found["likely"] = hit.likely
    if hit.pinned:
        found["pinned"] = True
    return found | ({"variants": list(hit.variants)} if hit.variants else {})


def product_as_json(product: Product) -> dict[str, object]:
    """A product, all that is known of it."""
    return {
        "id": product.id,
        "title": product.title,
        "text": product.text,
        "category": list(product.category),
        "brand": product.brand,
        "price": product.price,
        "currency": product.currency,
        "sale_price": product.sale_price,
        "attributes": dict(product.attributes),
        "other": dict(product.other),
        "identifiers": dict(product.identifiers),
        "images": list(product.images),
        "videos": list(product.videos),
        "reviews": [{"text": review.text, "rating": review.rating} for review in product.reviews],
        "rating": product.rating,
        "rating_count": product.rating_count,
        "available": product.available,
        "stock": product.stock,
        "url": product.url,
        "language": product.language,
        "group": product.group,
    }
