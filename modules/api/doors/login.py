"""Logging in and out: a page of our own, and the same address for programs that post to it."""

import html
from pathlib import Path
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse

from modules.api.doors.cookies import SESSION_S, cookie_name, session_for, set_cookie
from modules.api.doors.identity import Identity, NotAdmitted, TooManyTries
from modules.errors import InvalidRequest

PAGE = Path(__file__).with_name("login.html")
LONGEST_FORM = 8192
"""Bytes."""


def login_routes(identity: Identity) -> APIRouter:
    """`/login` and `/logout`, where A1111's (Gradio's) clients look for them."""
    routes = APIRouter(tags=["doors"])

    @routes.get("/login", response_class=HTMLResponse)
    def page() -> Response:
        """Show the page on which people log in."""
        return _page()

    @routes.post("/login")
    async def log_in(request: Request) -> Response:
        """Log in with `username` and `password` of a form; answers with a cookie."""
        name, password = await _form(request)
        person = "text/html" in request.headers.get("accept", "")
        address = request.client.host if request.client else ""
        try:
            visitor = await identity.log_in(name, password, address)
        except (NotAdmitted, TooManyTries) as error:
            if not person:
                raise
            return _page(str(error), error.status)
        answer: Response = JSONResponse({"success": True})
        if person:
            answer = RedirectResponse(".", 303)
        value = session_for(identity.users, visitor.name)
        answer.headers["set-cookie"] = _cookie(request, value, SESSION_S)
        return answer

    @routes.post("/logout")
    def log_out(request: Request) -> Response:
        """Forget who this browser is."""
        answer = RedirectResponse("login", 303)
        answer.headers["set-cookie"] = _cookie(request, "", 0)
        return answer

    return routes


def _page(problem: str = "", status: int = 200) -> HTMLResponse:
    text = PAGE.read_text(encoding="utf-8").replace("{problem}", html.escape(problem))
    return HTMLResponse(text, status, {"Cache-Control": "no-store"})


def _cookie(request: Request, value: str, seconds: int) -> str:
    name = cookie_name("session", request.headers)
    return set_cookie(name, value, secure=request.url.scheme == "https", seconds=seconds)


async def _form(request: Request) -> tuple[str, str]:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LONGEST_FORM:
            raise InvalidRequest("This is too long for a name and a password.")
    try:
        fields = parse_qs(body.decode(), max_num_fields=20)
    except ValueError as error:
        raise InvalidRequest(f"This is not a form: {error}.") from error
    return fields.get("username", [""])[0], fields.get("password", [""])[0]
