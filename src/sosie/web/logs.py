"""What the service writes down: one line of JSON for each event, on stderr."""

import sys
from typing import BinaryIO

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

SECRET = {"authorization", "key", "cookie", "x-api-key"}


def make_log(stream: BinaryIO | None = None) -> FilteringBoundLogger:
    """A log of its own: time, level, event and what belongs to it; never what tells a key."""
    logger: FilteringBoundLogger = structlog.wrap_logger(
        structlog.BytesLogger(stream or sys.stderr.buffer),
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


def _without_secrets(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    for field in SECRET & event.keys():
        del event[field]
    return event


def _dumps(value: object, **_: object) -> bytes:
    return orjson.dumps(value, default=str)
