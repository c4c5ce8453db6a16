"""Runs the commands of docs/tutorial.md again and writes their answers below them.

Run as `python docs/generate_tutorial.py sosie-demo/package`, with the folder that `sosie demo` fetched. Blocks of the
kind "console" are written anew: each command after "$", then what it says, cut off at "…" where that is long.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

PAGE = Path(__file__).with_name("tutorial.md")
WIDTH = 118
LINES = 26


def answer(command: str, folder: Path) -> str:
    """The command and what it says, on stdout and stderr, in a folder."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "COLUMNS": str(WIDTH), "NO_COLOR": "1", "TERM": "dumb"}
    environment.pop("SOSIE_STORE", None)
    done = subprocess.run(
        command, shell=True, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    said = done.stdout.replace(f"{folder.resolve()}/", "").rstrip("\n").splitlines()
    lines = [line.rstrip() if len(line.rstrip()) <= WIDTH else line[: WIDTH - 2].rstrip() + " …" for line in said]
    more = ["…"] if len(lines) > LINES else []
    status = [f"$ echo $?  # {done.returncode}"] if done.returncode else []
    return "\n".join([f"$ {command}", *lines[:LINES], *more, *status])


def page(text: str, package: Path) -> str:
    """The page with every command run anew, in order, in one folder."""
    with TemporaryDirectory() as scratch:
        folder = Path(scratch) / "shop"
        shutil.copytree(package, folder / "sosie-demo" / "package")

        def run(block: re.Match[str]) -> str:
            commands = re.findall(r"^\$ ((?!echo).+)$", block[1], re.MULTILINE)
            return "```console\n" + "\n".join(answer(command, folder) for command in commands) + "\n```"

        return re.sub(r"```console\n(.*?)\n```", run, text, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), Path(sys.argv[1])), encoding="utf-8")
