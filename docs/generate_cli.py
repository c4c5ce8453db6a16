"""Writes docs/cli.md from the command line itself: `make docs`."""

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from typer.models import ArgumentInfo, OptionInfo

from sosie.cli.app import app

PAGE = Path(__file__).with_name("cli.md")
START = """# Command line

<!-- Written by docs/generate_cli.py from the code. Change the code, then run: make docs -->

A store is a folder. Verbs that need one take `--store DIR`, or the environment variable `SOSIE_STORE`, or
`./sosie.store`. Answers are on stdout; progress, notes and warnings on stderr, so that `--json` can be piped.

| exit status | meaning |
|---|---|
| 0 | done; warnings, if any, are on stderr |
| 1 | not done; stderr says why in a sentence |
| 2 | wrong usage |
| 130 | interrupted (Ctrl-C); what was there before is unchanged |

Another environment variable, `SOSIE_CACHE`, names the folder where networks are kept once they were exported for this
machine (default `~/.cache/sosie`).
"""


def page() -> str:
    """The whole page."""
    verbs = [command.callback for command in app.registered_commands if command.callback is not None]
    contents = " · ".join(f"[{verb.__name__}](#{verb.__name__})" for verb in verbs)
    return "\n".join([START, contents, *(_verb(verb) for verb in verbs)])


def _verb(verb: Callable[..., Any]) -> str:
    parameters = list(_parameters(verb))
    arguments = [name if default is ... else f"[{name}]" for kind, name, _, default, _ in parameters if not kind]
    lines = ["", f"## {verb.__name__}", "", inspect.getdoc(verb) or "", "", "```sh"]
    lines += [" ".join(["sosie", verb.__name__, *arguments, "[OPTIONS]"]), "```", ""]
    lines += ["| | | default |", "|---|---|---|"]
    for _, name, told, default, limits in parameters:
        shown = "required" if default is ... else _default(default)
        lines.append(f"| `{name}` | {told.replace('|', chr(92) + '|')}{limits} | {shown} |")
    return "\n".join(lines)


def _parameters(verb: Callable[..., Any]) -> Iterator[tuple[bool, str, str, object, str]]:
    """Whether it is an option, how it is written, what it does, its default (... = required) and its bounds."""
    hints = get_type_hints(verb, include_extras=True)
    for name, parameter in inspect.signature(verb).parameters.items():
        hint = hints[name]
        if get_origin(hint) is not Annotated:
            raise TypeError(f"{verb.__name__}: '{name}' has no typer.Option or typer.Argument.")
        kind, *extras = get_args(hint)
        about = next(extra for extra in extras if isinstance(extra, OptionInfo | ArgumentInfo))
        default = ... if parameter.default is inspect.Parameter.empty else parameter.default
        told = about.help or ""
        if isinstance(about, ArgumentInfo):
            yield False, (about.metavar or name).upper(), told, default, ""
            continue
        plain = get_args(kind)[0] if isinstance(kind, UnionType) else kind
        # Within Annotated the first name stands where Typer keeps the default.
        names = [n for n in (about.default, *(about.param_decls or ())) if isinstance(n, str)]
        written = "`, `".join("/".join(names).split("/") if names else [f"--{name.replace('_', '-')}"])
        shape = about.metavar or {bool: "", int: "N", float: "X", Path: "DIR"}.get(plain, "TEXT")
        limits = _limits(about.min, about.max) + (" Can be repeated." if get_origin(kind) is list else "")
        yield True, f"{written} {shape}".strip(), told, default, limits


def _limits(least: float | None, most: float | None) -> str:
    if least is not None and most is not None:
        return f" From {least:g} to {most:,g}."
    return f" At least {least:g}." if least is not None else ""


def _default(value: object) -> str:
    if value is None or value is False or value == "" or value == []:
        return ""
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


if __name__ == "__main__":
    PAGE.write_text(page() + "\n", encoding="utf-8")
