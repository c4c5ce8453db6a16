"""Whatever a description of the API allows, and whatever it doesn't: never an answer that blames the server."""

import json
import shutil
from contextlib import suppress

import pytest
import schemathesis
from conftest import listening
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

FEW = settings(
    max_examples=5, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)  # fmt: skip
SEVERAL = 7  # operations that are asked, at least


@schemathesis.serializer("application/x-ndjson")
def lines(context, value):
    return value.encode(errors="replace") if isinstance(value, str) else json.dumps(value).encode()


@pytest.fixture(scope="module")
def described(store, tmp_path_factory):
    """The API as it describes itself, of a server that really listens."""
    folder = shutil.copytree(store, tmp_path_factory.mktemp("own") / "store")
    with listening(folder) as address:
        yield schemathesis.openapi.from_url(f"{address}/openapi.json")


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["allowed", "not allowed"])
def test_no_fault_of_the_server(described, mode):
    asked: set[str] = set()

    def ask(case):
        asked.add(f"{case.method} {case.path}")
        answer = case.call(timeout=60)
        assert answer.status_code < 500, f"{case.method} {case.formatted_path}: {answer.text}"
        if answer.status_code >= 400:
            told = answer.json()
            assert told["status"] == answer.status_code
            assert told["detail"]

    for result in described.get_all_operations():
        cases = result.ok().as_strategy(generation_mode=mode)
        with suppress(Unsatisfiable):  # what takes nothing can't be asked wrongly
            FEW(given(case=cases)(ask))()
    assert len(asked) >= SEVERAL
