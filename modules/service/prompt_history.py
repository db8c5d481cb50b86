"""The prompts people drew with: found again, pinned, forgotten."""

import time
from dataclasses import dataclass

from modules.errors import NotFound
from modules.schema.request import GenerationRequest
from modules.service.database import Database

MOST_KEPT = 5_000
"""Prompts of a person that are not pinned; the oldest go first."""
MOST_SHOWN = 500


@dataclass(frozen=True, kw_only=True)
class PastPrompt:
    """A pair of prompts, once however often it was drawn."""

    id: int
    prompt: str
    negative_prompt: str
    used: float
    """Unix time in seconds of the last time."""
    times: int
    pinned: bool


class PromptHistory:
    """The prompts of everybody, each seen by whoever drew with it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def remember(self, request: GenerationRequest, person: str) -> None:
        """Note the prompts of a job as they were written, on disk when this returns."""
        prompt, negative = request.prompt.strip(), request.negative_prompt.strip()
        if not prompt:
            return
        self._database.write(
            (
                "INSERT INTO prompts (person, prompt, negative, used) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (person, prompt, negative)"
                " DO UPDATE SET used = excluded.used, times = times + 1",
                (person, prompt, negative, time.time()),
            ),
            (
                "DELETE FROM prompts WHERE person = ? AND NOT pinned AND used <"
                " (SELECT used FROM prompts WHERE person = ? AND NOT pinned"
                " ORDER BY used DESC LIMIT 1 OFFSET ?)",
                (person, person, MOST_KEPT - 1),
            ),
        )

    def search(self, text: str, person: str, limit: int = 50) -> list[PastPrompt]:
        """The prompts that hold every word of `text`: those that are pinned, then the newest."""
        words = text.lower().split()[:20]
        holds = " AND instr(lower(prompt || ' ' || negative), ?)" * len(words)
        rows = self._database.rows(
            f"SELECT * FROM prompts WHERE person = ?{holds}"
            " ORDER BY pinned DESC, used DESC LIMIT ?",
            (person, *words, max(0, min(limit, MOST_SHOWN))),
        )
        return [
            PastPrompt(
                id=row["id"],
                prompt=row["prompt"],
                negative_prompt=row["negative"],
                used=row["used"],
                times=row["times"],
                pinned=bool(row["pinned"]),
            )
            for row in rows
        ]

    def pin(self, prompt_id: int, person: str, pinned: bool) -> None:
        """Keep a prompt on top, or no longer. Raises NotFound."""
        self._check(prompt_id, person)
        sql = "UPDATE prompts SET pinned = ? WHERE id = ? AND person = ?"
        self._database.write((sql, (pinned, prompt_id, person)))

    def forget(self, prompt_id: int, person: str) -> None:
        """Take a prompt out of the list. Raises NotFound."""
        self._check(prompt_id, person)
        sql = "DELETE FROM prompts WHERE id = ? AND person = ?"
        self._database.write((sql, (prompt_id, person)))

    def forget_all(self, person: str) -> None:
        """Take every prompt that is not pinned out of the list."""
        sql = "DELETE FROM prompts WHERE person = ? AND NOT pinned"
        self._database.write((sql, (person,)))

    def _check(self, prompt_id: int, person: str) -> None:
        sql = "SELECT 1 FROM prompts WHERE id = ? AND person = ?"
        if self._database.row(sql, (prompt_id, person)) is None:
            raise NotFound("prompt", str(prompt_id))
