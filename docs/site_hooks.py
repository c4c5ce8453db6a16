"""What makes a site of these pages: the READMEs as its first pages, and no links to what isn't in it."""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
FIRST = {"index.md": "README.md", "zh.md": "README.zh-CN.md"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the READMEs, as if they lay among the pages."""
    for name, source in FIRST.items():
        files.append(File.generated(config, name, content=_as_page((ROOT / source).read_text(encoding="utf-8"))))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Of a link to a file that is only in the repository, keep its words."""
    return re.sub(r"\[([^\]]*)\]\(\.\./[^)]*\)", r"\1", markdown)


def _as_page(readme: str) -> str:
    """Links as seen from docs/."""
    inside = re.sub(r"(\]\()docs/", r"\1", readme)
    for name, source in FIRST.items():
        inside = inside.replace(f"]({source})", f"]({name})")
    return re.sub(r"(\]\()(benchmarks/|examples/|deploy/)", r"\1../\2", inside)
