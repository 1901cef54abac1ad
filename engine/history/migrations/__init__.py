"""Brings a database to the tables of this program: a new one, an older one, but no newer and no foreign one."""

from pathlib import Path
from typing import Any

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from engine.errors import HistoryError

VERSION_TABLE = "moodline_version"
# What 0.1 left, which kept no version.
_FIRST, _FIRST_TABLES = "0001", {"runs", "events", "tracks", "cursors"}


def is_current(connection: Connection) -> bool:
    """Whether nothing is to be done; looks, and changes nothing.

    Raises:
        HistoryError: the database belongs to a newer moodline or to another program.
    """
    return _version(connection) == _scripts().get_current_head()


def upgrade(connection: Connection) -> None:
    """Run what is missing, within the transaction of `connection`, which must keep others away.

    Raises:
        HistoryError: the database belongs to a newer moodline or to another program.
    """
    version, scripts = _version(connection), _scripts()
    if version == scripts.get_current_head():
        return

    def steps(revision: Any, _context: Any) -> Any:
        return scripts._upgrade_revs("head", revision)

    options = {"version_table": VERSION_TABLE, "fn": steps, "script": scripts}
    context = MigrationContext.configure(connection, opts=options)
    if version == _FIRST and not inspect(connection).has_table(VERSION_TABLE):
        context.stamp(scripts, _FIRST)
    with Operations.context(context):
        context.run_migrations()


def is_new(connection: Connection) -> bool:
    """Whether there is no table at all yet."""
    return not inspect(connection).get_table_names()


def _version(connection: Connection) -> str | None:
    """The revision of the database; None for an empty one."""
    names = set(inspect(connection).get_table_names())
    if VERSION_TABLE in names:
        found = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()
        if found is not None and found not in {script.revision for script in _scripts().walk_revisions()}:
            raise HistoryError(f"it was written by a newer moodline (tables {found}); update moodline, or use another")
        return found
    if not names:
        return None
    if names == _FIRST_TABLES:
        return _FIRST
    shown = ", ".join(sorted(names)[:3])
    raise HistoryError(f"it holds tables of another program ({shown}); give moodline a database of its own")


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(Path(__file__).parent))
