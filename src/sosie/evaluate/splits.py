"""Names of splits, as people write them."""

from collections.abc import Iterable, Sequence

from sosie.errors import TruthError

KINDS = {
    "train": ("train", "training", "trn", "learn", "fit", "训练", "训练集"),
    "val": ("val", "valid", "validation", "validate", "dev", "development", "eval", "验证", "验证集"),
    "test": ("test", "testing", "tst", "holdout", "测试", "测试集"),
}
_KIND = {name: kind for kind, names in KINDS.items() for name in names}


def split_kind(name: str) -> str:
    """train, val or test; "" for a name that is none of them."""
    return _KIND.get(name.strip().casefold(), "")


def find_split(wanted: str, there: Iterable[str], where: str) -> tuple[str, ...]:
    """The splits that are meant by a name: the one so called, in any case, else all of the same kind.

    Raises TruthError where there is none, saying what there is.
    """
    names = [name for name in there if name.strip()]
    meant = [n for n in names if n == wanted] or [n for n in names if n.strip().casefold() == wanted.strip().casefold()]
    kind = split_kind(wanted)
    meant = meant or [n for n in names if kind and split_kind(n) == kind]
    if not meant:
        told = ", ".join(sorted(names)[:20]) or "nothing"
        raise TruthError(f"{where}: there is no split '{wanted}'; it says {told}.")
    return tuple(meant)


def choose_splits(
    query: str, gallery: Sequence[str], there: Sequence[str], where: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Splits that ask (`query`, else test) and that may answer (`gallery`, else all others). Raises TruthError."""
    asking = find_split(query or "test", there, where)
    if not gallery:
        return asking, tuple(name for name in there if name.strip() and name not in asking)
    answering = [name for wanted in gallery for name in find_split(wanted, there, where)]
    return asking, tuple(dict.fromkeys(answering))
