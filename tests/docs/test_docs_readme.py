"""What the README and the pages say can be typed: Python runs, commands parse, links lead somewhere."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
import typer

from sosie.cli.app import app

ROOT = Path(__file__).parents[2]
READMES = [ROOT / "README.md", ROOT / "README.zh-CN.md"]
PAGES = [*READMES, *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page, kind):
    return re.findall(rf"```{kind}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def commands():
    for page in PAGES:
        lines = [
            *"".join(blocks(page, "sh")).replace("\\\n", "").splitlines(),
            *(line[2:] for line in "".join(blocks(page, "console")).splitlines() if line.startswith("$ ")),
        ]
        for line in lines:
            words = shlex.split(re.split(r" \| | 2>", line)[0], comments=True)
            if words[:1] == ["sosie"] and "[OPTIONS]" not in words:
                yield pytest.param(words[1:], id=f"{page.name}: {' '.join(words)}")


@pytest.mark.parametrize("page", READMES, ids=lambda page: page.name)
def test_python_of_the_readme_runs(page, shop, tmp_path, monkeypatch, capsys):
    shutil.copytree(shop.folder, tmp_path / "sosie.store")  # its settings leave the network of texts out
    shutil.copy(shop.catalogue, tmp_path)
    monkeypatch.chdir(tmp_path)
    for block in blocks(page, "python"):
        exec(compile(block, page.name, "exec"), {})
    shown = capsys.readouterr().out
    assert "shirt" in shown
    assert "'category':" in shown


@pytest.mark.parametrize("words", list(commands()))
def test_commands_of_the_pages_parse(words):
    verbs = typer.main.get_command(app).commands
    verbs[words[0]].make_context(words[0], words[1:])


@pytest.mark.parametrize("page", READMES, ids=lambda page: page.name)
def test_make_targets_of_the_readme_exist(page):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^make (\w+)", "".join(blocks(page, "sh")), re.MULTILINE)
    assert targets
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_pages_lead_to_headings(page):
    for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text(encoding="utf-8")):
        other = (page.parent / target) if target else page
        headings = re.findall(r"^#+ (.+)$", other.read_text(encoding="utf-8"), re.MULTILINE)
        assert anchor in {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
