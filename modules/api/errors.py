"""Errors as JSON, in the shape clients of A1111's API know."""

import json
import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from modules.errors import WebUIError

log = logging.getLogger(__name__)


def error_body(kind: str, detail: str, errors: str = "", hint: str = "") -> dict[str, Any]:
    """Build the body: clients print `detail`, else `errors`, so both are filled."""
    body = {"error": kind, "detail": detail, "body": "", "errors": errors or detail}
    return body | ({"hint": hint} if hint else {})


def error_bytes(kind: str, detail: str) -> bytes:
    """Encode the body for code below the framework."""
    return json.dumps(error_body(kind, detail)).encode()


class LegacyError(WebUIError):
    """An answer whose status and `detail` clients of A1111 rely on."""

    def __init__(self, status: int, message: str, hint: str = "", kind: str = "") -> None:
        super().__init__(message, hint)
        self.status = status
        self.kind = kind or "HTTPException"


def add_error_handlers(api: FastAPI) -> None:
    """Turn every kind of failure into JSON; nothing of the machine's inside is shown."""
    api.add_exception_handler(WebUIError, _known)
    api.add_exception_handler(RequestValidationError, _malformed)
    api.add_exception_handler(HTTPException, _http)
    api.add_exception_handler(Exception, _unknown)


async def _known(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, WebUIError)
    if isinstance(error, LegacyError):
        body = error_body(error.kind, error.message, str(error), error.hint)
    else:
        body = error_body(type(error).__name__, str(error), error.message, error.hint)
    return JSONResponse(body, error.status)


async def _malformed(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    detail = [
        {"loc": [str(part) for part in item["loc"]], "msg": item["msg"], "type": item["type"]}
        for item in error.errors()
    ]
    return JSONResponse({"detail": detail}, 422)


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code in (404, 405):
        return JSONResponse({"detail": error.detail}, error.status_code, error.headers)
    body = error_body("HTTPException", str(error.detail))
    return JSONResponse(body, error.status_code, error.headers)


async def _unknown(request: Request, error: Exception) -> JSONResponse:
    log.error("%s %s broke", request.method, request.url.path, exc_info=error)
    message = "Something broke inside the web UI; the log has the details."
    return JSONResponse(error_body(type(error).__name__, message), 500)
