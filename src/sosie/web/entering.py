"""How a person shows a key in a browser: a form, and a cookie that no script can read and no other site can send."""

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from sosie.web.describing import environment
from sosie.web.keys import KeyRing

COOKIE = "sosie-key"
DAYS = 30
WORDS = {
    "en": {
        "lang": "en",
        "needed": "This shop's page is opened with a key.",
        "wrong": "This key is unknown or was revoked.",
        "key": "Key",
        "enter": "Enter",
        "how": "Whoever runs the service makes one:",
    },
    "zh": {
        "lang": "zh",
        "needed": "打开此页面需要密钥。",
        "wrong": "密钥无效或已被撤销。",
        "key": "密钥",
        "enter": "进入",
        "how": "由服务的管理员创建：",
    },
}

router = APIRouter(include_in_schema=False)


@router.get("/enter")
async def form(request: Request, to: str = "/") -> Response:
    """The form."""
    return _page(request, to)


@router.post("/enter")
async def enter(request: Request) -> Response:
    """Keep the key in a cookie, where it is one."""
    told = await request.form(max_files=0, max_fields=2, max_part_size=4096)
    secret, to = str(told.get("key", "")).strip(), str(told.get("to", "/"))
    if KeyRing(request.app.state.shop.store.folder).find(secret) is None:
        return _page(request, to, wrong=True)
    answer = RedirectResponse(to if _is_here(to) else "/", 303)
    answer.set_cookie(
        COOKIE, secret, max_age=DAYS * 86_400, httponly=True, samesite="strict", secure=request.url.scheme == "https"
    )
    return answer


def _is_here(to: str) -> bool:
    """Whether an address leads to this service: two slashes of either kind begin another host's."""
    return to.startswith("/") and to[1:2] not in ("/", "\\") and to.isprintable()


def _page(request: Request, to: str, *, wrong: bool = False) -> Response:
    language = "zh" if request.headers.get("accept-language", "").lower().startswith("zh") else "en"
    page = environment().get_template("enter.html.j2").render(words=WORDS[language], to=to, wrong=wrong)
    return HTMLResponse(page, 403 if wrong else 200, {"Cache-Control": "no-store"})
