"""All sources of a live run, wherever they come from: added, changed, paused and removed while it lasts."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, Literal, Protocol

from engine.errors import ConfigError, HistoryError, Refusal, SourceRefused
from engine.sources import wanted
from engine.sources.browsers import BrowserCameras
from engine.sources.config import SourceConfig
from engine.sources.fleet import Fleet
from engine.sources.rules import SourceRules
from engine.sources.trial import Trials

logger = logging.getLogger(__name__)

_NAMELESS = "test"


class Stored(Protocol):
    """What a store keeps of one source; `settings` is None for one of the configuration file."""

    @property
    def source_id(self) -> str: ...
    @property
    def settings(self) -> Mapping[str, Any] | None: ...
    @property
    def paused(self) -> bool: ...


class SourceStore(Protocol):
    """See `engine.history.SourceStore`. Each method may raise `HistoryError`, and has then changed nothing."""

    def is_mine(self) -> bool: ...
    def load(self) -> Sequence[Stored]: ...
    def put(self, source_id: str, settings: Mapping[str, Any] | None, paused: bool) -> None: ...
    def remove(self, source_id: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class ManagedSource:
    """One source; `paused` ones are not read."""

    config: SourceConfig
    origin: Literal["file", "api"]
    paused: bool


class ManagedSources:
    """The sources of a run and what becomes of them. Any thread.

    What is changed is first stored and then done, one change at a time: a history that cannot be written changes
    nothing. All changes raise `SourceRefused`, `ConfigError` for settings that are wrong, or `HistoryError`.
    """

    def __init__(
        self,
        fleet: Fleet,
        store: SourceStore,
        rules: SourceRules,
        configured: Sequence[SourceConfig],
        browsers: BrowserCameras | None = None,
    ) -> None:
        """`configured` are those of the configuration file, which `fleet` runs already; `browsers` feed others."""
        self.rules = rules
        self.trials = Trials()
        """Of those that may be added."""
        self._fleet = fleet
        self._browsers = browsers or BrowserCameras(fleet, dict)
        self._store = store
        self._sources = {config.id: ManagedSource(config, "file", False) for config in configured}
        self._paused_files: set[str] = set()
        """Ids that are paused when the file names them."""
        self._begun = False
        self._changing = Lock()

    def begin(self) -> None:
        """Start what was added earlier, pause what was paused. Without `api.sources.enabled` nothing of it counts.

        Raises:
            HistoryError: what is stored cannot be read.
        """
        with self._changing:
            if self.rules.enabled:
                self._take_over()
            elif kept := sum(one.settings is not None for one in self._store.load()):
                logger.warning("%d sources added over HTTP are not started: api.sources.enabled is false", kept)

    def all(self) -> tuple[ManagedSource, ...]:
        """Every one, the file's first."""
        return tuple(self._sources.values())

    def get(self, source_id: str) -> ManagedSource:
        """Raises `SourceRefused` where there is none of that id."""
        found = self._sources.get(source_id)
        if found is None:
            raise SourceRefused(Refusal.UNKNOWN, f"source {source_id!r} is not known")
        return found

    def add(self, raw: Mapping[str, Any]) -> ManagedSource:
        """Start another one, with the keys that the configuration file has, and `paused`."""
        config, paused = wanted.checked(raw)
        config = self.rules.bounded(config, raw)
        with self._browsers.hold(config.id):
            self._check_room(config.id)
        self.rules.check(config)
        with self._changing, self._browsers.hold(config.id):
            self._hold()
            self._check_room(config.id)
            new = ManagedSource(config, "api", paused)
            self._keep(new)
            return self._run(new)

    def examine(self, raw: Mapping[str, Any]) -> SourceConfig:
        """What `add` would make of `raw`, which here needs no id. Nothing is changed."""
        config, _ = wanted.checked({"id": _NAMELESS, **raw})
        config = self.rules.bounded(config, raw)
        if "id" in raw:
            with self._browsers.hold(config.id):
                self._check_room(config.id)
        self.rules.check(config)
        return config

    def change(self, source_id: str, raw: Mapping[str, Any]) -> ManagedSource:
        """Change some keys (JSON merge patch): null stands for the default. What stays the same goes on undisturbed."""
        old = self.get(source_id)
        new = self._with(old, raw)
        if new.config.uri != old.config.uri:
            self.rules.check(new.config)
        with self._changing:
            self._hold()
            # Meanwhile another change may have been made, or the file been read again.
            old = self.get(source_id)
            new = self._with(old, raw)
            if new != old:
                self._keep(new)
                self._run(new, old)
            return new

    def pause(self, source_id: str) -> ManagedSource:
        """Stop reading it until `resume`, also after the next start."""
        return self.change(source_id, {"paused": True})

    def resume(self, source_id: str) -> ManagedSource:
        """Read it again."""
        return self.change(source_id, {"paused": False})

    def remove(self, source_id: str) -> None:
        """End and forget it."""
        with self._changing:
            old = self._sources.get(source_id)
            if old is not None and old.origin == "file":
                raise _of_file(source_id)
            self._hold()
            # One that no longer makes sense is stored and not known; it can be removed, too.
            if not self._store.remove(source_id) and old is None:
                raise SourceRefused(Refusal.UNKNOWN, f"source {source_id!r} is not known")
            self._paused_files.discard(source_id)
            self._forget(source_id)
            self._fleet.stop(source_id)

    def reconfigure(self, configured: Sequence[SourceConfig]) -> None:
        """The file's sources are now these: starts, stops and restarts only what differs.

        An id that was added over HTTP and is now the file's is the file's from here on.
        """
        with self._changing:
            named = {config.id for config in configured}
            for source in self.all():
                if source.origin == "file" and source.config.id not in named:
                    self._forget(source.config.id)
                    self._fleet.stop(source.config.id)
            for config in configured:
                self._configure(config)
            self._order(config.id for config in configured)

    def _configure(self, config: SourceConfig) -> None:
        old = self._sources.get(config.id)
        if old is not None and old.origin == "api":
            logger.info("source %s was added over HTTP; the configuration file has it now", config.id)
            self._try_to_remove(config.id)
        if old is None and self._browsers.dismiss(config.id, "another camera has its name now"):
            logger.info("source %s was a browser's camera; the configuration file has it now", config.id)
        new = ManagedSource(config, "file", config.id in self._paused_files)
        if new != old:
            self._run(new, old)

    def _take_over(self) -> None:
        if not self._store.is_mine():
            logger.warning("sources added over HTTP are not started: another engine runs a pipeline of this name")
            return
        found = self._store.load()
        self._begun = True
        for stored in found:
            if stored.settings is None:
                self._pause_file(stored)
            elif stored.source_id in self._sources:
                logger.info("source %s was added over HTTP; the configuration file has it now", stored.source_id)
                self._try_to_remove(stored.source_id)
            else:
                self._restore(stored.source_id, stored.settings, stored.paused)

    def _pause_file(self, stored: Stored) -> None:
        if not stored.paused:
            return
        self._paused_files.add(stored.source_id)
        if source := self._sources.get(stored.source_id):
            self._run(replace(source, paused=True), source)

    def _restore(self, source_id: str, kept: Mapping[str, Any], paused: bool) -> None:
        try:
            config, _ = wanted.checked({**kept, "id": source_id})
        except ConfigError as error:
            logger.warning("source %s is not started: %s; remove it, or add it anew", source_id, error.problems[0])
        else:
            self._browsers.dismiss(source_id, "another camera has its name now")
            self._run(ManagedSource(self.rules.bounded(config), "api", paused))

    def _run(self, new: ManagedSource, old: ManagedSource | None = None) -> ManagedSource:
        """Do what `new` says, where it differs from `old`."""
        config = new.config
        if new.paused:
            self._fleet.stop(config.id, paused=True)
        elif old is None or old.paused or old.config != config or old.origin != new.origin:
            # In place of the one that runs, which is ended; to stop it first would make it another source.
            self._fleet.start(config, self.rules.opener() if new.origin == "api" else None)
        self._sources = {**self._sources, config.id: new}
        return new

    def _with(self, old: ManagedSource, raw: Mapping[str, Any]) -> ManagedSource:
        config, paused = wanted.changed(old.config, old.paused, raw)
        if old.origin == "api":
            config = self.rules.bounded(config, [key for key, value in raw.items() if value is not None])
        elif config != old.config:
            raise _of_file(old.config.id)
        return replace(old, config=config, paused=paused)

    def _keep(self, source: ManagedSource) -> None:
        source_id = source.config.id
        if source.origin == "api":
            self._store.put(source_id, wanted.keys(source.config), source.paused)
            self._paused_files.discard(source_id)
        elif source.paused:
            self._store.put(source_id, None, True)
            self._paused_files.add(source_id)
        else:
            self._store.remove(source_id)
            self._paused_files.discard(source_id)

    def _forget(self, source_id: str) -> None:
        self._sources = {known: one for known, one in self._sources.items() if known != source_id}

    def _order(self, first: Iterable[str]) -> None:
        known = self._sources
        self._sources = {source_id: known[source_id] for source_id in (*first, *known)}

    def _try_to_remove(self, source_id: str) -> None:
        try:
            self._store.remove(source_id)
        except HistoryError as error:
            logger.warning("source %s stays stored: %s", source_id, error)

    def _hold(self) -> None:
        if not self._store.is_mine():
            raise SourceRefused(
                Refusal.ELSEWHERE,
                "another engine that runs a pipeline of this name on the same history has its sources; "
                "give each pipeline a name of its own",
            )
        if not self._begun:
            self._take_over()

    def _check_room(self, source_id: str) -> None:
        if source_id in self._sources:
            raise SourceRefused(
                Refusal.EXISTS, f"source {source_id!r} is there already; change it, or choose another id"
            )
        if len(self._sources) >= self.rules.max:
            raise SourceRefused(
                Refusal.FULL,
                f"there are {len(self._sources)} sources, and api.sources.max is {self.rules.max}; remove one",
            )


def _of_file(source_id: str) -> SourceRefused:
    return SourceRefused(
        Refusal.FROM_FILE,
        f"source {source_id!r} is of the configuration file; change it there, it is read again while running. "
        "Over HTTP it can be paused",
    )
