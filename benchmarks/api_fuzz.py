"""Send thousands of generated requests to every route of the API, and look for answers that broke.

    python -m benchmarks api_fuzz [--requests 10000] [--seed 1]

Schemathesis makes the requests from the program's own OpenAPI document: such as fit it, and such as
do not. The drawing process paints plain colours, so that what is accepted costs little. An answer
counts as broken if its status is 500 or above and it is none of the refusals to which A1111's API
gives that status (a picture that cannot be decoded, for example).
"""

import argparse
import logging
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as with_seed
from schemathesis.generation import GenerationMode

from modules.engine.fake import FAKE_CHECKPOINT
from modules.engine.messages import EngineSpec
from modules.engine.process import ProcessEngine
from modules.schema.catalogue import Catalogue
from modules.settings.launch import Launch
from tests.conftest import Served, serve

REFUSALS_WITH_500 = frozenset({"HTTPException", "RuntimeError"})
"""Kinds of error to which A1111's API gives status 500 on purpose."""
PATIENCE_S = 20.0
ENDLESS = ("/api/v1/events", "/api/v1/jobs/{job_id}/events")
"""Streams: they answer, and then go on."""
FAREWELLS = ("/sdapi/v1/server-kill", "/sdapi/v1/server-stop", "/sdapi/v1/server-restart")


@dataclass
class Report:
    """What came back."""

    statuses: Counter[int] = field(default_factory=Counter)
    routes: int = 0
    broken: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    """Requests without an answer in time."""
    worker_died: int = 0
    draws_afterwards: bool = False

    @property
    def whole(self) -> bool:
        """Whether nothing went wrong."""
        return not (self.broken or self.silent or self.worker_died) and self.draws_afterwards

    def __str__(self) -> str:
        answers = ", ".join(
            f"{count} x {status}" for status, count in sorted(self.statuses.items())
        )
        return (
            f"{self.statuses.total()} requests to {self.routes} routes ({answers}): "
            f"{len(self.broken)} broken, {len(self.silent)} without an answer, worker died "
            f"{self.worker_died} times, afterwards a job is "
            f"{'drawn' if self.draws_afterwards else 'NOT drawn'}"
        )


def fuzz(served: Served, requests: int, seed: int = 1) -> Report:
    """Send about `requests` requests, spread over all routes; half of them break the schema."""
    report = Report()
    schema = schemathesis.openapi.from_dict(served.client.get("/openapi.json").json())
    operations = [found.ok() for found in schema.get_all_operations()]
    operations = [one for one in operations if one.path not in FAREWELLS]
    report.routes = len(operations)
    each = max(1, requests // (2 * report.routes))
    for operation in operations:
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            send(served, operation, mode, each, seed, report)
    report.worker_died = served.app.status().restarts
    report.draws_afterwards = draws(served)
    return report


def send(
    served: Served, operation: Any, mode: GenerationMode, count: int, seed: int, report: Report
) -> None:
    """Send `count` requests to one route."""

    @with_seed(seed)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def once(case: Any) -> None:
        arguments = case.as_transport_kwargs(base_url=served.url)
        arguments.pop("cookies", None)
        note(served.client, operation, arguments, report)

    try:
        once()
    except Exception as error:
        if "Unsatisfiable" not in type(error).__name__:  # nothing can break a route without fields
            raise


def note(client: httpx.Client, operation: Any, arguments: dict[str, Any], report: Report) -> None:
    """Send one request and count its answer."""
    files = arguments.pop("files", None)
    data = arguments.pop("data", None)
    if isinstance(data, bytes | str):
        arguments["content"] = data
    elif data is not None:
        arguments["data"] = data
    what = f"{operation.method.upper()} {operation.path}"
    try:
        request = client.build_request(**arguments, files=files, timeout=PATIENCE_S)
    except (ValueError, TypeError, httpx.InvalidURL):
        return  # such a request cannot be written down in HTTP
    try:
        answer = client.send(request, stream=True)
        content = b"" if operation.path in ENDLESS and answer.is_success else answer.read()
        answer.close()
    except httpx.TimeoutException:
        report.silent.append(f"{what} {request.url} {request.content[:300]!r}")
        return
    except (httpx.LocalProtocolError, httpx.UnsupportedProtocol):
        return
    report.statuses[answer.status_code] += 1
    if answer.status_code >= 500 and not refused_on_purpose(content):
        sent = request.content[:300] if hasattr(request, "_content") else b"(a form)"
        report.broken.append(f"{what} {answer.status_code} {content[:300]!r} for {sent!r}")


def refused_on_purpose(content: bytes) -> bool:
    """Answer whether a body is one of A1111's refusals."""
    return any(f'"error":"{kind}"'.encode() in content for kind in REFUSALS_WITH_500)


def draws(served: Served) -> bool:
    """Empty the line, then see whether an ordinary job is drawn."""
    client = served.client
    client.post("/api/v1/queue/resume")
    client.post("/api/v1/jobs/stop")
    body = {"request": {"prompt": "a", "size": {"width": 64, "height": 64}}}
    job = client.post("/api/v1/jobs", json=body).json()
    limit = time.monotonic() + PATIENCE_S
    while time.monotonic() < limit:
        found = client.get(f"/api/v1/jobs/{job['id']}").json()
        if found["status"] == "finished":
            return True
        time.sleep(0.1)
    return False


def fuzzed(requests: int, seed: int = 1) -> Report:
    """Serve, fuzz, and end."""
    spec = EngineSpec(factory="modules.engine.fake:FakeEngine", options={"step_s": 0.0})
    catalogue = Catalogue(checkpoints=(FAKE_CHECKPOINT,))
    engine = ProcessEngine(spec, lambda refresh=False: catalogue)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        # unsaved pictures would fill the disk; a small one is all that is needed
        running = serve(Path(folder), engine, Launch(data_dir=folder))
        served = next(running)
        try:
            return fuzz(served, requests, seed)
        finally:
            running.close()


def main() -> None:
    """Print what came back; ends with status 1 if anything broke."""
    parser = argparse.ArgumentParser(description="Send generated requests to every route.")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    logging.getLogger("httpx").setLevel(logging.WARNING)
    report = fuzzed(options.requests, options.seed)
    print(report)
    print(*report.broken, *report.silent, sep="\n")
    sys.exit(not report.whole)


if __name__ == "__main__":
    main()
