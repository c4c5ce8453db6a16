"""Reports as `sosie evaluate` and `sosie compare` make them, small and made up."""

from dataclasses import replace

from sosie.reports import (
    Answered,
    Bin,
    CalibrationReport,
    Case,
    Changed,
    Comparison,
    Difference,
    DriftReport,
    Evaluation,
    FactDrift,
    Figure,
    HealthReport,
    Leak,
    Measured,
    Remark,
    Repetition,
    Shift,
    Shown,
    SignalDrift,
    SignalHealth,
    Slice,
    Trade,
    Tuning,
)


def figure(value: float, width: float = 0.02, n: int = 1916) -> Figure:
    return Figure(value, value - width, value + 0.9 * width, n)


def metrics(hit: float) -> dict[str, Figure]:
    return {"hit@1": figure(hit), "recall@10": figure(hit / 3, 0.011), "ndcg@10": figure(0.97 * hit, 0.013)}


def rival(name: str, kind: str, hit: float, p: float = 0.0002) -> Measured:
    return Measured(name, kind, metrics(hit), figure(0.846 - hit, 0.0123), p)  # type: ignore[arg-type]


def answers(*grades: float, picture: str = "", prefix: str = "p") -> tuple[Answered, ...]:
    return tuple(
        Answered(f"{prefix}{at}", f"Lamp {prefix}{at}", picture, round(0.931 - at / 50, 3), grade)
        for at, grade in enumerate(grades)
    )


def case(value: float, *grades: float, picture: str = "", missed: int = 0) -> Case:
    return Case(
        "q1",
        "Desk lamp",
        picture,
        value,
        12,
        answers(*grades, picture=picture),
        answers(*[1.0] * missed, picture=picture, prefix="m"),
    )


OWN = Leak("own-variants", 37, 1916, True, "37 questions find their own variants.", "Group them.", (("a1", "a2"),))
TITLES = Leak("same-title", 112, 1916, False, "112 questions share a title.", "Look at them.", (("b1", "b2"),))

EVALUATION = Evaluation(
    store="shop.store",
    version="3.0",
    truth="label class_id, queries test, gallery train+val",
    measure="hit@1",
    queries=1928,
    without_relevant=12,
    gallery=7660,
    metrics=metrics(0.846),
    baselines=(
        rival("image", "signal", 0.825),
        rival("words", "signal", 0.851, 0.312),
        rival("random", "baseline", 0.031),
        rival("tf-idf", "baseline", 0.838, 0.274),
    ),
    beaten_by=("words", "tf-idf"),
    slices=(
        Slice("category", "Belts", figure(0.611, 0.05, 73), 0.852, 0.0131, "worse"),
        Slice("language", "zh", figure(0.752, 0.04, 541), 0.861, 0.0812, ""),
        Slice("price", "under 12.00", figure(0.953, 0.03, 481), 0.839, 0.0004, "better"),
    ),
    leaks=(OWN, TITLES),
    worst=(case(0.0, 0, 0, 1, missed=2), case(0.0, 0, 0)),
    best=(case(1.0, 1, 1, 0),),
    notes=("3 ids are not in the store: x1, x2, x3.",),
    reproduce={"command": "sosie evaluate --label class_id", "products": "9,583, content 8f3a9c11", "sosie": "0.3.0"},
    seconds=48.31,
    lists={"coverage@10": 0.713, "gini@10": 0.482},
    labels={"colour": metrics(0.444)},
)

PAIRS = replace(
    EVALUATION,
    truth="pairs alike.csv",
    measure="f1",
    metrics={"f1": figure(0.831), "ece": figure(0.021, 0.004), "precision": figure(0.85)},
    baselines=(
        Measured("text", "signal", {"f1": figure(0.7), "ece": figure(0.0171, 0.004)}, figure(0.131, 0.01), 0.0002),
    ),
    beaten_by=(),
    leaks=(),
    slices=(),
    lists={},
    labels={},
    reliability=(Bin(0.0, 0.5, 0.221, 0.253, 900), Bin(0.5, 1.0, 0.792, 0.811, 100)),
)

CHECKS = replace(
    EVALUATION,
    truth="",
    measure="photo cropped",
    metrics={"photo cropped": figure(0.967), "half of the title": figure(0.662), "bits": figure(7.113)},
    baselines=(),
    beaten_by=(),
    leaks=(),
    slices=(),
    best=(),
    lists={},
    labels={},
)


def difference(measure: str, a: float, b: float, p: float, where: str = "") -> Difference:
    return Difference(measure, a, b, figure(b - a, 0.0111), p / 3, p, 221, 1514, 181, where)


def changed(a: str, b: str, picture: str = "") -> Changed:
    lists = [tuple(Answered(id, f"Lamp {id}", picture, 0.75, float(id.isupper())) for id in ids) for ids in (a, b)]
    return Changed(
        Case("q1", "Desk lamp", picture, 0.0, 12, lists[0]), Case("q1", "Desk lamp", picture, 1.0, 12, lists[1]), 0.256
    )


COMPARISON = Comparison(
    a="default",
    b="image=2",
    truth="label class_id",
    measure="hit@1",
    queries=1916,
    differences=(
        difference("hit@1", 0.825, 0.846, 0.0006),
        difference("ndcg@10", 0.791, 0.7955, 0.0814),
        difference("hit@1", 0.933, 0.901, 0.0201, "category=Footwear"),
    ),
    overlap=figure(0.621),
    overlap_by={"Footwear": figure(0.711), "Belts": figure(0.443)},
    verdict="image=2 is better than default: hit@1 0.825 and 0.846, difference +0.021 [+0.010, +0.033], p = 0.0006.",
    changed=(changed("abC", "Cda"),),
    notes=("the galleries differ.",),
    reproduce={"command": "sosie compare default image=2"},
    seconds=3.21,
)

UNJUDGED = replace(COMPARISON, truth="", differences=(), verdict="No truth was given: answers overlap by 62%.")


def trade(
    name: str, quality: float, ms: float, size: int, p: float = 1.0, front: bool = False, **settings: object
) -> Trade:
    keys = {f"signals.{key.replace('_', '.')}": value for key, value in settings.items()}
    return Trade(name, keys, figure(quality, n=911), ms, size, figure(quality - 0.8712, 0.0141, 911), p, front)


TUNING = Tuning(
    store="shop.store",
    truth="label class_id, queries val, gallery train",
    measure="hit@1",
    queries=911,
    before={"image": 1.0, "colour": 0.5, "words": 0.3, "given0": 0.7},
    after={"image": 1.85, "colour": 0.0, "words": 0.613, "given0": 0.7},
    difference=figure(0.0312, 0.0121, 911),
    p=0.0024,
    adopted={"signals.image.weight": 1.85, "signals.colour.weight": 0.0, "signals.image.dim": 512},
    trades=(
        trade("now", 0.8712, 12.41, 3296, front=True),
        trade("without words", 0.8213, 8.17, 2272, 0.0117, front=True, words_enabled=False),
        trade("image.dim = 512", 0.9034, 14.92, 4320, 0.0222, front=True, image_dim=512),
        trade("image.dim = 64", 0.8555, 16.66, 2528, 0.7444, image_dim=64),
    ),
    test={"before": figure(0.8401), "after": figure(0.8605), "difference": figure(0.0204, 0.0106)},
    verdict="Other weights are better on questions they were not chosen on (hit@1 +0.0312 [+0.0191, +0.0421], "
    "p = 0.0024); they are in sosie.toml.",
    written="sosie.toml",
    notes=("3 ids are not in the store: x1, x2, x3.",),
    reproduce={"command": "sosie tune --label class_id --split split"},
    seconds=312.45,
)

UNTUNED = replace(
    TUNING,
    adopted={},
    written="",
    test={},
    verdict="No gain beyond chance on questions that weights were not chosen on (hit@1 +0.0011 [-0.0191, +0.0221], "
    "p = 0.712); nothing was written.",
)


CALIBRATION = CalibrationReport(
    store="shop.store",
    version="3.0",
    truth="label class_id, queries val, gallery train",
    holds_for="It holds for the first 20 hits of a product, at the store's own weights.",
    questions=341,
    pairs=6820,
    alike=0.6187,
    method="beta",
    losses={"platt": 0.6134, "beta": 0.6121, "isotonic": 0.6148},
    ece=figure(0.0113, 0.0061, 6820),
    brier=figure(0.2142, 0.0092, 6820),
    base=0.2359,
    reliability=(Bin(0.2, 0.5, 0.412, 0.433, 820), Bin(0.5, 1.0, 0.792, 0.781, 6000), Bin(0.0, 0.2, 0.0, 0.0, 0)),
    marks={"5 of 10": 0.2777, "9 of 10": 0.5451},
    verdict="What is stated is off by 1.1 of 100 on average. Of the pairs that score 0.55 or more, at least 9 of 10 "
    "are alike.",
    notes=("3 ids are not in the store: x1, x2, x3.",),
    reproduce={"command": "sosie calibrate --label class_id --split split"},
    seconds=4.31,
)


def signal_health(
    name: str, *remarks: Remark, picture: str = "", kind: str = "signal", known: bool = True
) -> SignalHealth:
    shown = (Shown("h1", "Lamp h1", picture, 63.0), Shown("h2", "Lamp h2", picture, 41.0))
    return SignalHealth(
        name=name,
        kind=kind,  # type: ignore[arg-type]
        weight=0.35,
        dim=256,
        products=9461,
        missing=0.0127,
        sample=4987,
        spectrum=(0.41, 0.22, 0.09),
        directions=38.24,
        dead=0.0156,
        common=0.6212,
        mean_cosine=0.0213,
        intrinsic=18.61 if known else None,
        lengths=(0.998, 1.0, 1.0, 1.0, 1.0, 1.0, 1.001),
        hub_skew=0.713 if known else None,
        hub_share=0.0311 if known else None,
        unseen=0.0042 if known else None,
        occurrences={"0": 21, "1–2": 402, "over 100": 3} if known else {},
        hubs=shown if known else (),
        duplicates=112,
        duplicate_sets=31,
        largest=(Shown("s1", "Lamp s1", picture, 17.0),),
        remarks=remarks,
    )


EQUAL = Remark("duplicates", "112 products have the very same image as another one.", "Give them one group.")
SAME = Remark("repeats", "text and words say the same.", "See whether answers are as good without one of them.")
ODD = Remark("drift", "New products look unlike the old ones.", "Look at the strangest of them.")

DRIFT = DriftReport(
    old="old.store",
    old_version="2.0",
    new="shop.store",
    new_version="3.0",
    kept=9312,
    fresh=271,
    gone=45,
    signals=(
        SignalDrift(
            name="image",
            comparable=True,
            kept=2000,
            fresh=271,
            cosine=figure(0.9712, 0.0031, 2000),
            overlap=figure(0.8811, 0.0112, 2000),
            cka=0.9534,
            moved=Shift(0.0021, -0.0013, 0.0019, 0.0312, 0.0113),
            new=Shift(0.0841, -0.0011, 0.0024, 0.0021, 0.2713),
            strange=(Shown("n1", "Lamp n1", "", 0.213),),
            verdict="drift",
            what="New products differ by image, more than chance.",
        ),
        SignalDrift("text", False, 2000, 9, None, figure(0.4123, 0.0132, 2000), None, None, None, (), "", "text: new."),
    ),
    facts=(
        FactDrift(
            "category",
            Shift(0.3112, 0.0041, 0.0333, 0.0023, 0.1542),
            (("Belts", 0.124, 0.318), ("others", 0.876, 0.682)),
            "slight",
            "More belts than before.",
        ),
    ),
    remarks=(ODD,),
    verdict="New products differ from those of both builds by image.",
    notes=("Only one of the builds has reviews.",),
)

HEALTH = HealthReport(
    store="shop.store",
    version="3.0",
    products=9583,
    sampled=5000,
    signals=(signal_health("fused", kind="fused"), signal_health("image", EQUAL), signal_health("given7", known=False)),
    repetitions=(
        Repetition("text", "words", 2000, 0.8123, 0.9431, 0.8456, True),
        *(Repetition("image", f"s{at}", 1999, -0.0412, 0.2 - at / 100, 0.1, False) for at in range(9)),
    ),
    drift=DRIFT,
    remarks=(SAME,),
    verdict="Look at: equal vectors (image); repeated signals (text/words).",
    notes=("Figures of neighbours are of 5,000 of the 9,583 products, drawn at random.",),
    reproduce={"command": "sosie health --against old.store"},
    seconds=12.34,
)
