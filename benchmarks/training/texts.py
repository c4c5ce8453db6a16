"""Kinds of fashion from titles out of which the words that name the kinds were taken."""

import re

from bench import Bench, Question, read, table

LABEL = "articleType"
SHOWN = "id title articleType split"
WORD = re.compile(r"[^\W_]+(?:[-'’.][^\W_]+)*")
NO_NAME = {"and"}
TF_IDF = ("words", "tfidf words", "tfidf characters")  # the house's encoder, and plain ones
TRAIN = f"--label {LABEL} --split split"
TEST = f"--label {LABEL} --split split"


def measure(bench: Bench) -> None:
    """Test products ask those of train and val for the same kind, by their titles alone."""
    rows = read("myntra/products.csv")
    names = {stem(word) for row in rows for word in WORD.findall(row[LABEL])} - NO_NAME
    titles = [{**{key: row[key] for key in SHOWN.split()}, "title": without(row["title"], names)} for row in rows]
    catalogue = table("titles-without-kinds.csv", titles)
    store = bench.store("texts", catalogue, f"--ignore {LABEL} --ignore split")
    asked = [Question("kind of article, its words hidden", TEST, bar=0.03, above=TF_IDF)]
    for recipe in ("text-cnn", "gru"):
        bench.train(recipe, store, f"--recipe {recipe} {TRAIN}", asked)


def without(title: str, names: set[str]) -> str:
    """A title without the words of any kind, in whatever number, case or spelling ("T-Shirt", "t shirts")."""
    title = re.sub(r"\bt shirt", "tshirt", title, flags=re.IGNORECASE)
    return " ".join(WORD.sub(lambda found: "" if stem(found[0]) in names else found[0], title).split())


def stem(word: str) -> str:
    """A word without joints and the marks of the plural."""
    word = re.sub(r"\W", "", word.lower())
    for ending, singular in (("ies", "y"), ("ves", "f"), ("sses", "ss"), ("ches", "ch"), ("shes", "sh")):
        if word.endswith(ending):
            return word.removesuffix(ending) + singular
    return word if word.endswith("ss") else word.removesuffix("s")
