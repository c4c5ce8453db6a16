"""Asking a service from Python: `sosie.Client` and, for asyncio, `sosie.AsyncClient`."""

from sosie.client.answers import (
    Answer,
    Bins,
    Facet,
    Facets,
    Hit,
    Imported,
    Job,
    Rules,
    Similarity,
    Suggestion,
    Value,
    Written,
)
from sosie.client.calls import ClientError, Options
from sosie.client.clients import AsyncClient, Client

__all__ = [
    "Answer",
    "AsyncClient",
    "Bins",
    "Client",
    "ClientError",
    "Facet",
    "Facets",
    "Hit",
    "Imported",
    "Job",
    "Options",
    "Rules",
    "Similarity",
    "Suggestion",
    "Value",
    "Written",
]
