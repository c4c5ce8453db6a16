"""What operators copy: it parses, names what there is, and does what it says."""

import configparser
import io
import json
import re
import runpy
import shlex
import shutil
import subprocess
from importlib.metadata import distribution
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from starlette.testclient import TestClient
from typer.testing import CliRunner

import sosie
from sosie.cli.app import app as cli
from sosie.config import Serving, parse_config, read_config
from sosie.web.app import create_app

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = ("sosie.service", "sosie-feed.service", "sosie-feed.timer")
ROWS = ["id,title,price", *(f"p{at},{colour} mug,{5 + at} EUR" for at, colour in enumerate(("red", "blue", "green")))]
OFF = ("image", "text", "colour")


def read(name):
    return (DEPLOY / name).read_text(encoding="utf-8")


def unit(name):
    parser = configparser.RawConfigParser(strict=False, comment_prefixes=("#",))
    parser.optionxform = str
    parser.read_string(read(name))
    return parser


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    home = tmp_path_factory.mktemp("deployed")
    (home / "catalogue.csv").write_text("\n".join(ROWS) + "\n", encoding="utf-8")
    settings = parse_config({"signals": {name: {"enabled": False} for name in OFF}}, "the test")
    sosie.build(home / "catalogue.csv", home / "store", config=settings)
    return home / "store"


def verbs_called():
    """Every command line of sosie in these files, without the program."""
    for name in ("sosie.service", "sosie-feed.service"):
        yield shlex.split(unit(name)["Service"]["ExecStart"])[1:]
    services = yaml.safe_load(read("compose.yaml"))["services"]
    yield services["sosie"]["command"]
    yield re.search(r"sosie (build [^;]*);", services["feed"]["entrypoint"][2])[1].split()
    yield json.loads(re.search(r"^CMD (\[.*\])$", read("Dockerfile"), re.MULTILINE)[1])
    yield re.search(r"sosie (key add \w+)", read("compose.yaml"))[1].split()


@pytest.mark.parametrize("words", list(verbs_called()), ids=" ".join)
def test_every_verb_and_option_is_there(words):
    told = CliRunner().invoke(cli, [words[0], "--help"])
    assert told.exit_code == 0
    assert {word for word in words if word.startswith("--")} <= set(re.findall(r"--[a-z-]+", told.output))


def test_settings_are_settings():
    serving = read_config(DEPLOY / "sosie.toml").serve
    assert (serving.keys, serving.host, serving.port) == ("on", "127.0.0.1", Serving().port)
    for name in ("nginx.conf", "Caddyfile", "prometheus.yml"):
        assert f"127.0.0.1:{serving.port}" in read(name)
    assert all(host in read("nginx.conf") and host in read("Caddyfile") for host in serving.hosts)


def test_proxies_know_the_paths_that_are_long():
    paths = openapi()["paths"]
    for path in ("/v1/products:import", "/v1/jobs", "/metrics"):
        assert path in paths
        assert path in read("nginx.conf")
    assert "/v1/products:import" in read("Caddyfile")
    taken = Serving()
    assert f"client_max_body_size {taken.picture_mb + 2}m;" in read("nginx.conf")


def openapi():
    from fastapi import FastAPI

    from sosie.web import asking, describing, state, writing

    described = FastAPI()
    for routes in (state, asking, describing, writing):
        described.include_router(routes.router)
    return described.openapi()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="NO SYSTEMD: the units are NOT verified.")
class TestUnits:
    def test_they_are_whole(self, tmp_path):
        (tmp_path / "sosie").write_text("#!/bin/sh\n")
        (tmp_path / "sosie").chmod(0o755)
        for name in UNITS:
            (tmp_path / name).write_text(read(name).replace("/opt/sosie/bin", str(tmp_path)).replace("User=sosie", ""))
        files = [tmp_path / name for name in UNITS]
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", *files], capture_output=True, text=True)
        assert [line for line in done.stderr.splitlines() if str(tmp_path) in line or "sosie" in line] == []
        assert done.returncode == 0

    @pytest.mark.parametrize("name", ["sosie.service", "sosie-feed.service"])
    def test_they_are_confined(self, name):
        done = subprocess.run(
            ["systemd-analyze", "security", "--offline=true", "--threshold=25", DEPLOY / name],
            capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-500:]


def test_the_feed_is_read_again_and_shown_at_once(store, tmp_path):
    own = Path(shutil.copytree(store, tmp_path / "store"))
    catalogue = tmp_path / "catalogue.csv"
    catalogue.write_text("\n".join([*ROWS, "p9,yellow teapot,30 EUR"]) + "\n", encoding="utf-8")
    words = shlex.split(unit("sosie-feed.service")["Service"]["ExecStart"])[1:]
    assert words[1] == "/var/lib/sosie/catalogue.csv"
    service = create_app(own, Serving(deadline=120.0))
    with TestClient(service, base_url="http://localhost") as client:
        assert client.get("/v1/products/p9").status_code == 404
        done = CliRunner().invoke(cli, [words[0], str(catalogue)], env={"SOSIE_STORE": str(own)})
        assert done.exit_code == 0, done.output
        assert client.get("/v1/products/p9").json()["title"] == "yellow teapot"


def brought_along(requirements):
    """Names of all packages that these bring, as their own descriptions say."""
    found, waiting = set(), [Requirement(line) for line in requirements]
    while waiting:
        one = waiting.pop()
        if canonicalize_name(one.name) in found or (one.marker and not one.marker.evaluate({"extra": ""})):
            continue
        found.add(canonicalize_name(one.name))
        waiting += map(Requirement, distribution(one.name).requires or ())
    return found


class TestImage:
    def test_nobody_in_particular_and_nothing_to_write(self):
        lines = read("Dockerfile").splitlines()
        last = [line for line in lines if line.startswith("USER ")][-1]
        assert not last.startswith(("USER root", "USER 0"))
        assert lines.index(last) < next(at for at, line in enumerate(lines) if line.startswith("ENTRYPOINT"))
        services = yaml.safe_load(read("compose.yaml"))["services"]
        for service in services.values():
            assert service["read_only"] is True
            assert service["cap_drop"] == ["ALL"]
            assert service["security_opt"] == ["no-new-privileges:true"]

    def test_what_is_copied_is_there_and_let_through(self):
        ignored = read("../.dockerignore")
        root = DEPLOY.parent
        for line in re.findall(r"^COPY (?!--)(.*)$", read("Dockerfile"), re.MULTILINE):
            for source in line.split()[:-1]:
                assert (root / source).exists()
                assert f"!{source}\n" in ignored

    def test_only_what_serving_needs(self):
        requirements = runpy.run_path(str(DEPLOY / "requirements.py"))["requirements"]
        left_out = re.search(r'^ARG WITHOUT="(.*)"$', read("Dockerfile"), re.MULTILINE)[1].split()
        kept = requirements(left_out)
        assert any(line.startswith("faiss-cpu") for line in kept)
        assert not any(re.match(rf"{name}\b", line) for name in left_out for line in kept)
        assert len(kept) + len(left_out) == len(requirements([]))
        with pytest.raises(ValueError, match="no dependency torhc"):
            requirements(["torhc"])
        assert brought_along(kept).isdisjoint(left_out)


def test_the_dashboard_asks_for_metrics_that_there_are(store):
    service = create_app(store, Serving(deadline=120.0))
    with TestClient(service, base_url="http://localhost") as client:
        client.get("/health")
        text = client.get("/metrics").text
    there = {line.split("{")[0].split(" ")[0] for line in io.StringIO(text) if not line.startswith("#")}
    board = json.loads(read("grafana.json"))
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    asked += [one["query"] for one in board["templating"]["list"]]
    named = {name for one in asked for name in re.findall(r"\bsosie_\w+", one)}
    assert len(named) > 5
    assert named <= there
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
