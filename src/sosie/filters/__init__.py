"""The language of `--where`: which rows a question may be answered with.

    price < 50 and brand in ('A', 'B') and available and not (category = 'Men > Tops' or colour is missing)
    price <= query.price and brand != query.brand          -- beside the product that is asked about

Comparisons with a missing value are False, whichever the operator. Text is compared without regard to case; `like`
takes % and _ as in SQL, `contains` looks for a part. `category` holds for a path and everything below it.
"""

from sosie.filters.grammar import Filter, Value, parse_filter
from sosie.filters.rows import category_filter, evaluate

__all__ = ["Filter", "Value", "category_filter", "evaluate", "parse_filter"]
