"""A built store is served where nothing is installed that the image leaves out."""

import json
import re
import subprocess
import sys
from pathlib import Path

from PIL import Image

import sosie
from sosie.config import parse_config

DOCKERFILE = Path(__file__).parents[2] / "deploy" / "Dockerfile"
SERVE = """
import json, sys
from importlib.machinery import PathFinder
left_out = set(sys.argv[2].replace("-", "_").split())

class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.split(".")[0] in left_out else PathFinder.find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Without
from pathlib import Path
from starlette.testclient import TestClient
from sosie.config import Serving
from sosie.web.app import create_app
photo = Path(sys.argv[1], "p1.png").read_bytes()
with TestClient(create_app(Path(sys.argv[1], "store"), Serving(deadline=120.0)), base_url="http://localhost") as client:
    told = [
        client.get("/v1/products/p0/similar?limit=1"),
        client.post("/v1/search", json={"text": "yellow", "limit": 1}),
        client.post("/v1/search", data={"limit": 1}, files={"image": photo}),
    ]
    ids = [[hit["id"] for hit in one.json()["hits"]] for one in told]
    put = client.put("/v1/products/new", json={"title": "green mug"}).json()["what"]
Path(sys.argv[1], "told.json").write_text(json.dumps([ids, put, sorted(left_out & set(sys.modules))]))
"""


def test_words_and_pictures_are_answered_and_products_written(tmp_path):
    rows = ["id,title,price,image"]
    for at, colour in enumerate(("red", "blue", "yellow")):
        Image.new("RGB", (48, 48), colour).save(tmp_path / f"p{at}.png")
        rows.append(f"p{at},{colour} mug,{5 + at} EUR,p{at}.png")
    (tmp_path / "catalogue.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    sosie.build(tmp_path / "catalogue.csv", tmp_path / "store", config=parse_config({}, "the test"))
    left_out = re.search(r'^ARG WITHOUT="(.*)"$', DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE)[1]
    done = subprocess.run([sys.executable, "-c", SERVE, tmp_path, left_out], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    ids, put, imported = json.loads((tmp_path / "told.json").read_text())
    assert len(ids[0]) == 1
    assert ids[1:] == [["p2"], ["p1"]]
    assert put == "created"
    assert imported == []
