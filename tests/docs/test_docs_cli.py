"""The page of the command line is what the code says."""

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_up_to_date():
    page = runpy.run_path(str(DOCS / "generate_cli.py"))["page"]()
    assert (DOCS / "cli.md").read_text(encoding="utf-8") == page + "\n", "stale: run `make docs`"


def test_the_page_has_every_verb_and_option_that_the_help_names():
    import re

    from typer.testing import CliRunner

    from sosie.cli.app import app

    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    assert list(sections) == [command.callback.__name__ for command in app.registered_commands]
    for verb, section in sections.items():
        told = CliRunner().invoke(app, [verb, "--help"]).output
        assert set(re.findall(r"--[a-z][a-z-]+", told)) - {"--help"} == set(re.findall(r"`(--[a-z][a-z-]+)", section))
