"""Fashion articles in one vector, asked by a picture alone or by a title alone; and pictures found by words."""

from bench import DATA, Bench, Question, read, table

FOLDER = DATA / "myntra"
SHOWN = ("image", "articleType", "baseColour")
HIDDEN = "--ignore articleType --ignore baseColour --ignore split"
KIND = "--label articleType --split split"
BOTH = "--label baseColour --label articleType --split split"
PICTURE, WORDS = "test picture", "test words"  # each article of test is there twice: without its title, or its picture
GALLERY = "--gallery-split train,val"
SEEN = '["image","colour"]'
ONE = f"--recipe multimodal {BOTH} --epochs 40 --set hold_back=false"  # on val 33 epochs were best


def measure(bench: Bench) -> None:
    """Articles of test ask those of train and val, or are asked for by words; nothing is learnt from them."""
    rows = []
    for row in read("myntra/products.csv"):
        known = {name: row[name] for name in SHOWN}
        if row["split"] == "test":
            rows.append({**known, "id": f"{row['id']}-picture", "title": "", "split": PICTURE})
            rows.append({**known, "id": f"{row['id']}-words", "title": row["title"], "image": "", "split": WORDS})
        else:
            rows.append({**known, "id": row["id"], "title": row["title"], "split": row["split"]})
    frozen = bench.store("articles", table("articles.csv", rows), f"--images {FOLDER} {HIDDEN}")
    store = bench.begun("articles-pictures", frozen, f"--recipe pictures {KIND} --set hold_back=false")

    seen = f"--query-split '{PICTURE}' {GALLERY} --measure hit@1"
    asked = [
        Question("kind, titles hidden", f"{KIND} {seen}", bar=0.90),
        Question("colour, titles hidden", f"--label baseColour --split split {seen}", bar=0.65),
    ]
    bench.train("multimodal", store, f"{ONE} --set signals='{SEEN}'", asked)

    read_aloud = f"--query-split '{WORDS}' {GALLERY} --measure hit@1"
    asked = [
        Question("kind, words withheld", f"{KIND} {seen}", bar=-0.02, above=("image", "colour")),
        Question("kind, picture withheld", f"{KIND} {read_aloud}", bar=-0.02, above=("words", "text")),
    ]
    signals = '["image","colour","words","text"]'
    bench.train("either", store, f"--recipe multimodal {KIND} --set signals='{signals}'", asked)

    judged = [{**row, "id": f"{row['id']}-picture"} for row in read("myntra/qrels.csv")]
    files = f"--qrels {table('articles-qrels.csv', judged)} --queries {FOLDER / 'queries.csv'}"
    asked = [
        Question(
            "pictures of what is asked for",
            f"{files} --split split --gallery-split '{PICTURE}' --measure ndcg_burges@10",
            bar=0.65,
        )
    ]
    bench.train("two-towers", frozen, f"--recipe two-towers --split split --set signals='{signals}'", asked)
