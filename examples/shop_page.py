"""A shop's server: product pages with look-alikes, which it asks the service for through `sosie.AsyncClient`.

    sosie serve --store sosie.store        # the service, in another terminal
    SOSIE_URL=http://127.0.0.1:8600 uvicorn shop_page:shop --app-dir examples

The page never waits long, and is there without look-alikes where the service is away.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import escape
from urllib.parse import quote

from fastapi import FastAPI, HTTPException
from fastapi.responses import HTMLResponse

import sosie
from sosie.client import ClientError, Hit

URL, KEY = os.environ.get("SOSIE_URL", "http://127.0.0.1:8600"), os.environ.get("SOSIE_KEY", "")
client = sosie.AsyncClient(URL, KEY, timeout=2, retries=1)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Close the connections at the end."""
    yield
    await client.close()


shop = FastAPI(lifespan=lifespan)


@shop.get("/products/{id:path}", response_class=HTMLResponse)
async def page(id: str) -> str:
    """A product's page."""
    try:
        product = await client.product(id)  # a real shop asks its own database
    except ClientError as error:
        raise HTTPException(error.status or 503, error.detail) from error
    try:
        alike = await client.similar(id, limit=4, explain=True)
        cards = "".join(card(hit) for hit in alike)
    except ClientError:
        cards = ""  # the shop goes on
    beside = f"<h2>Similar products</h2><ul>{cards}</ul>" if cards else ""
    title = escape(product.title)
    return f"<!doctype html><title>{title}</title><h1>{title}</h1><p>{escape(product.text)}</p>{beside}"


def card(hit: Hit) -> str:
    """One look-alike, and why it is one."""
    why = f" <small>{escape(hit.reasons[0])}</small>" if hit.reasons else ""
    return f'<li><a href="/products/{quote(hit.id, safe="")}">{escape(hit.title)}</a>{why}</li>'
