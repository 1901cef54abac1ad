"""`INSERT` of a whole batch by one prepared statement: what SQLAlchemy would do again for each row is done once."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql

from engine import jsontext
from engine.history.schema import Moment


class Insert:
    """Rows for some columns of a table, and what becomes of those that are there (`conflict`, in SQL). Any thread."""

    def __init__(self, table: Table, columns: Sequence[str], conflict: str = "") -> None:
        self._columns = tuple(columns)
        self._cells = itemgetter(*columns)
        self._moments = tuple(n for n, name in enumerate(columns) if isinstance(table.c[name].type, Moment))
        into = f"INSERT INTO {table.name} ({', '.join(columns)})"
        self._one_by_one = f"{into} VALUES ({', '.join('?' * len(columns))}) {conflict}"
        described = ", ".join(f"{name} {_type_of(table, name)}" for name in columns)
        self._at_once = f"{into} SELECT * FROM json_to_recordset(%s::json) AS given ({described}) {conflict}"  # noqa: S608

    def __call__(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert `rows`, in their order; none are none."""
        if not rows:
            return
        if connection.dialect.name == "postgresql":
            # One text for all: a row costs no message of its own, and the driver need not look at each value.
            connection.exec_driver_sql(self._at_once, (jsontext.dumps(rows).decode(),))
        else:
            connection.exec_driver_sql(self._one_by_one, [self._in_sqlite(row) for row in map(self._cells, rows)])

    def _in_sqlite(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        told = list(row)
        for place in self._moments:
            told[place] = sqlite_text(told[place])
        return tuple(told)


def sqlite_text(moment: datetime) -> str:
    """A moment as SQLAlchemy keeps it in SQLite.

    >>> sqlite_text(datetime(2026, 11, 22, 10, 20, 30, 81000, tzinfo=UTC))
    '2026-11-22 10:20:30.081000'
    """
    return moment.astimezone(UTC).isoformat(" ", "microseconds")[:26]


def updated(columns: Sequence[str], key: Sequence[str], **others: str) -> str:
    """`ON CONFLICT` of `key`, in words of SQLite and PostgreSQL: `columns` become the new ones, `others` as told."""
    latest = [f"{name} = excluded.{name}" for name in columns]
    latest += [f"{name} = {told}" for name, told in others.items()]
    return f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {', '.join(latest)}"


def _type_of(table: Table, name: str) -> str:
    """Without a length: a cast would cut off silently what the column refuses."""
    described: Callable[..., str] = table.c[name].type.compile
    return described(dialect=postgresql.dialect()).partition("(")[0]  # type: ignore[no-untyped-call]
