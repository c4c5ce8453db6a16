"""The server page shows look-alikes of the real service, and stays up without it."""

import asyncio
import importlib.util
from pathlib import Path

import httpx
import pytest

import sosie
from sosie.config import Serving, parse_config
from sosie.web.app import create_app

EXAMPLES = Path(__file__).parents[2] / "examples"
ROWS = "id,title,price\na/0,red <3 mug,5 EUR\na/1,blue <3 mug,6 EUR\na/2,green <3 mug,7 EUR\n"
OFF = ("image", "text", "colour")


@pytest.fixture
def example():
    spec = importlib.util.spec_from_file_location("shop_page", EXAMPLES / "shop_page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def service(tmp_path):
    (tmp_path / "catalogue.csv").write_text(ROWS, encoding="utf-8")
    settings = parse_config({"signals": {name: {"enabled": False} for name in OFF}}, "the test")
    sosie.build(tmp_path / "catalogue.csv", tmp_path / "store", config=settings)
    return create_app(tmp_path / "store", Serving(deadline=120.0))


def shown(example, path, transport):
    """A page of the example, which asks the service over a transport."""

    async def ask():
        example.client = sosie.AsyncClient("http://localhost", transport=transport, timeout=120, retries=0)
        shop = httpx.ASGITransport(example.shop)
        async with httpx.AsyncClient(transport=shop, base_url="http://shop") as browser:
            return await browser.get(path)

    return asyncio.run(ask())


class Half(httpx.AsyncBaseTransport):
    """A service that knows products, and no look-alikes for now."""

    def __init__(self, app):
        self.whole = httpx.ASGITransport(app)

    async def handle_async_request(self, request):
        if request.url.path.endswith("/similar"):
            raise httpx.ConnectError("away")
        return await self.whole.handle_async_request(request)


def test_the_server_page(example, service):
    page = shown(example, "/products/a%2F0", httpx.ASGITransport(service))
    assert page.status_code == 200
    assert "<h1>red &lt;3 mug</h1>" in page.text
    assert '<a href="/products/a%2F1">blue &lt;3 mug</a> <small>' in page.text
    assert page.text.count("<li>") == 2
    assert shown(example, "/products/nope", httpx.ASGITransport(service)).status_code == 404


def test_the_page_is_there_without_look_alikes(example, service):
    page = shown(example, "/products/a%2F0", Half(service))
    assert page.status_code == 200
    assert "Similar products" not in page.text


@pytest.mark.parametrize("name", ["shop_page.py", "single_page.html"])
def test_it_is_short(name):
    assert len((EXAMPLES / name).read_text(encoding="utf-8").splitlines()) < 60
