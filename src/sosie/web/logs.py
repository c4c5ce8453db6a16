"""What the service writes down: one line of JSON for each event, on stderr."""

import sys
from typing import BinaryIO

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

KEPT = 64 * 1024  # bytes of lines that are written together
SECRET = {"authorization", "key", "cookie", "x-api-key"}


def standard_error() -> BinaryIO:
    """Standard error, written in blocks: one call of the system for each request would hold up the others."""
    return open(sys.stderr.fileno(), "wb", buffering=KEPT, closefd=False)


def make_log(stream: BinaryIO) -> FilteringBoundLogger:
    """A log of its own: time, level, event and what belongs to it; never what tells a key."""
    logger: FilteringBoundLogger = structlog.wrap_logger(
        _Lines(stream),
        wrapper_class=structlog.make_filtering_bound_logger("info"),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _without_secrets,
            structlog.processors.JSONRenderer(serializer=_dumps),
        ],
        cache_logger_on_first_use=True,
    )
    return logger


class _Lines:
    """Writes a line for each event, whatever its level."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def msg(self, line: bytes) -> None:
        """Write one."""
        self._stream.write(line + b"\n")

    info = error = msg


def _without_secrets(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    for field in SECRET & event.keys():
        del event[field]
    return event


def _dumps(value: object, **_: object) -> bytes:
    return orjson.dumps(value, default=str)
