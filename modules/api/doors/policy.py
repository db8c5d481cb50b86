"""What browsers are told about every answer: do not guess, do not embed, load nothing foreign."""

Headers = list[tuple[bytes, bytes]]

PAGE = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",  # Gradio: inline config, js= handlers
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)
"""For our page: everything from this server, nothing from elsewhere."""
DATA = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'"
"""For everything else, should it ever be opened as a page: no script runs."""

HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"SAMEORIGIN"),
)


def hardening(given: Headers, *, page: bool) -> Headers:
    """Return the headers to add to an answer with those `given`; `page`: it may be our page."""
    present = {name.lower(): value for name, value in given}
    kind = present.get(b"content-type", b"").partition(b";")[0].strip().lower()
    policy = PAGE if page and kind == b"text/html" else DATA
    wanted = [*HEADERS, (b"content-security-policy", policy.encode())]
    return [(name, value) for name, value in wanted if name not in present]
