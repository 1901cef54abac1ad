"""Sources that were added while a pipeline ran, and which of all its sources are paused: kept from run to run."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Boolean, Column, ColumnElement, PrimaryKeyConstraint, String, Table, Text, and_, delete, select

from engine.clock import Clock
from engine.errors import HistoryError
from engine.history.database import Database
from engine.history.runs import Runs
from engine.history.schema import Moment, metadata
from engine.history.writing import upsert_into

logger = logging.getLogger(__name__)

# `name` is the pipeline's; `settings` is JSON, and null for a source of the configuration file.
table = Table(
    "configured_sources",
    metadata,
    Column("name", String(64), nullable=False),
    Column("source_id", String(64), nullable=False),
    Column("settings", Text),
    Column("paused", Boolean, nullable=False),
    Column("added_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    PrimaryKeyConstraint("name", "source_id"),
)


@dataclass(frozen=True, slots=True)
class StoredSource:
    """One source of a pipeline. `settings` are its keys besides `id`, credentials included; None where the
    configuration file has them and only `paused` is kept here."""

    source_id: str
    settings: Mapping[str, Any] | None
    paused: bool

    def __repr__(self) -> str:
        return f"StoredSource(source_id={self.source_id!r}, paused={self.paused})"


class SourceStore:
    """The stored sources of the pipeline called `name`. Any thread; each method raises `HistoryError` when the
    database does not do what it should, and has then changed nothing."""

    def __init__(self, database: Database, runs: Runs, name: str, clock: Clock) -> None:
        self._database = database
        self._runs = runs
        self._name = name
        self._clock = clock

    def is_mine(self) -> bool:
        """Whether this process may change them. Of several engines that run a pipeline of one name on one server, one
        may, and starts them; it holds them until its end."""
        return self._runs.is_mine(f"sources of {self._name}")

    def load(self) -> tuple[StoredSource, ...]:
        """All of them, in the order in which they were added."""
        columns = (table.c.source_id, table.c.settings, table.c.paused)
        query = select(*columns).where(table.c.name == self._name).order_by(table.c.added_at, table.c.source_id)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return tuple(StoredSource(row.source_id, _read(row.settings), row.paused) for row in rows)

    def put(self, source_id: str, settings: Mapping[str, Any] | None, paused: bool) -> None:
        """Store it in place of what was stored of the same id; what that said is overwritten, where possible."""
        now = self._clock.utc()
        row = {
            "name": self._name,
            "source_id": source_id,
            "settings": None if settings is None else json.dumps(dict(settings)),
            "paused": paused,
            "added_at": now,
            "changed_at": now,
        }
        with self._database.write(shreds=True) as connection:
            before = connection.execute(select(table.c.settings).where(self._is(source_id))).first()
            statement = upsert_into(connection, table)
            latest = {name: statement.excluded[name] for name in ("settings", "paused", "changed_at")}
            connection.execute(
                statement.on_conflict_do_update(index_elements=["name", "source_id"], set_=latest).values(row)
            )
        if before is not None and before.settings != row["settings"]:
            self._settle()

    def remove(self, source_id: str) -> bool:
        """Forget it; whether there was one."""
        with self._database.write(shreds=True) as connection:
            found = bool(connection.execute(delete(table).where(self._is(source_id))).rowcount)
        if found:
            self._settle()
        return found

    def _is(self, source_id: str) -> ColumnElement[bool]:
        return and_(table.c.name == self._name, table.c.source_id == source_id)

    def _settle(self) -> None:
        try:
            self._database.settle()
        except HistoryError as error:
            logger.warning("an address that was replaced may stay in the database's log for a while: %s", error)


def _read(text: str | None) -> Mapping[str, Any] | None:
    if text is None:
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
