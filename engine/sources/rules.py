"""What may be added as a source while the engine runs, checked when it is added and again at every connect."""

import logging
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from engine.errors import Cause, ConfigError, SourceError
from engine.fields import Field, Text, field_validator, settings
from engine.sources.addresses import Address, Hosts, is_own
from engine.sources.config import SourceConfig
from engine.sources.geometry import turned
from engine.sources.picture import Reader
from engine.sources.reach import Target, listens, resolve, take_apart

logger = logging.getLogger(__name__)

Scheme = Literal["rtsp", "rtsps", "http", "https", "webcam", "demo", "file"]
Resolve = Callable[[str], tuple[Address, ...]]

NOT_REACHED = "the host is unknown, or may not be reached; api.sources.hosts says which may"
UNKNOWN_NAME = "no address is known for this name; is it right?"
_NO_FILE = "no such file in the folder that api.sources.files names"
NO_ANSWER = "not reached; is the camera on, and its address right and allowed by api.sources.hosts?"
_ENDINGS = {"webcam": ":0", "demo": ":"}
_SPELLED = ("rtsp", "rtsps", "http", "https", "webcam", "demo")
# What a camera itself says. Anything else sounds the same, whoever is or is not there, but of hosts that are listed.
_TOLD: dict[str, tuple[Cause, ...]] = {
    "rtsp": (Cause.AUTH, Cause.NOT_FOUND, Cause.BUSY, Cause.SERVER_ERROR, Cause.CODEC),
    "http": (Cause.AUTH,),
}


@settings
class ApiSourcesConfig:
    """Whether sources may be added, changed and removed over HTTP, and which.

    Without `hosts` any host may be reached but this machine, its link and cloud metadata (`engine.sources.addresses`).
    """

    enabled: bool = False
    schemes: Annotated[tuple[Scheme, ...], Field(min_length=1)] = ("rtsp", "rtsps")
    hosts: tuple[Text, ...] = ()
    max: Annotated[int, Field(ge=1, le=4096)] = 64
    """Sources at a time, those of the configuration file counted."""
    files: Text | None = None
    """The folder that files may come from, where `schemes` has `file`."""
    max_pixels: Annotated[int, Field(ge=1, le=2**31 - 1)] = 4096 * 2304
    """A source added or tested over HTTP may ask for no larger pictures."""
    max_timeout_s: Annotated[float, Field(ge=1, le=86_400, allow_inf_nan=False)] = 60.0
    """A source added or tested over HTTP may ask to be waited for no longer."""

    @field_validator("hosts")
    @classmethod
    def _known(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        Hosts(hosts)
        return hosts


class SourceRules:
    """`api.sources`, applied. Any thread may call it; `resolve` and `own` ask the system about names and addresses."""

    def __init__(
        self, config: ApiSourcesConfig, resolve: Resolve = resolve, own: Callable[[Address], bool] = is_own
    ) -> None:
        self.enabled = config.enabled
        self.max = config.max
        self._ceilings = {
            "max_pixels": config.max_pixels,
            **dict.fromkeys(("open_timeout_s", "read_timeout_s", "stall_after_s"), config.max_timeout_s),
        }
        self._schemes = config.schemes
        self._hosts = Hosts(config.hosts, own)
        self._folder = None if config.files is None else Path(config.files)
        self._resolve = resolve

    def check(self, config: SourceConfig) -> None:
        """Blocks while a name is resolved, some seconds at most.

        Raises:
            ConfigError: the source is not allowed. Whether a host is unknown or forbidden is not told.
        """
        try:
            self.check_scheme(config.uri)
            if config.kind == "file":
                self.file(config.uri)
            elif config.kind in _TOLD:
                self.addresses(take_apart(config.uri))
        except ValueError as error:
            raise ConfigError(f"uri: {error}") from error

    def bounded(self, config: SourceConfig, asked: Collection[str] = ()) -> SourceConfig:
        """`config` with nothing above the ceilings of `api.sources`: whom they bind does not set them.

        Raises:
            ConfigError: one of the keys `asked` for is above its ceiling.
        """
        above: dict[str, Any] = {name: top for name, top in self._ceilings.items() if getattr(config, name) > top}
        problems = [
            f"{name}: {getattr(config, name)} is more than {top:.15g}, which api.sources."
            f"{'max_pixels' if name == 'max_pixels' else 'max_timeout_s'} allows"
            for name, top in above.items()
            if name in asked
        ]
        if problems:
            raise ConfigError(*problems)
        return replace(config, **above) if above else config

    def tells_all(self, config: SourceConfig) -> bool:
        """Whether each cause is told: of a network's hosts only where the configuration itself lists one.

        Elsewhere causes would tell whoever may add a source which ports of which hosts are open.
        """
        if config.kind not in _TOLD:
            return True
        try:
            return self._hosts.lists(take_apart(config.uri).host)
        except ValueError:
            return False

    def opener(self) -> "RuledOpener":
        """Opens one source, and opens it again: it checks the address each time."""
        return RuledOpener(self)

    def addresses(self, target: Target) -> tuple[Address, ...]:
        """Where `target` is, each place allowed. Raises `ValueError`."""
        found = self._resolve(target.host)
        if not found and self._hosts.lists(target.host):
            raise ValueError(UNKNOWN_NAME)
        if not self._hosts.allow(target.host, found):
            raise ValueError(NOT_REACHED)
        return found

    def file(self, uri: str) -> Path:
        """The regular file that `uri` names, links followed, within the folder. Raises `ValueError`."""
        if self._folder is None:
            raise ValueError(f"{self._begin(uri)}no files can be added here; api.sources.files names no folder")
        if not uri.isprintable() or "\\" in uri:
            raise ValueError(_NO_FILE)
        from engine.sources.files import path_of

        try:
            folder = self._folder.resolve(strict=True)
            path = (folder / path_of(uri)).resolve(strict=True)
            inside = path.is_relative_to(folder) and path.is_file()
        except (OSError, RuntimeError, UnicodeError, ValueError) as error:
            raise ValueError(_NO_FILE) from error
        if not inside:
            raise ValueError(_NO_FILE)
        return path

    def check_scheme(self, uri: str) -> None:
        """Raises `ValueError`."""
        scheme = uri.partition(":")[0].lower()
        known = scheme if scheme in _SPELLED else "file"
        if known not in self._schemes:
            begin = self._begin(uri) if known == "file" else ""
            raise ValueError(f"{begin}{known} is not allowed here; api.sources.schemes has {', '.join(self._schemes)}")

    def _begin(self, uri: str) -> str:
        """What is amiss where nothing stands before the address: most likely no file was meant."""
        usual = [one + _ENDINGS.get(one, "://") for one in self._schemes if one != "file"]
        return "" if uri.lower().startswith("file:") or not usual else f"begin it with {' or '.join(usual)}; "


class RuledOpener:
    """Connects to an address that was checked, never to a name that may have changed since.

    Of several addresses the next one is tried at the next connect. Where the connection is encrypted the name must
    stay, for the certificate; it is checked right before, and FFmpeg asks for it once more.
    """

    def __init__(self, rules: SourceRules) -> None:
        self._rules = rules
        self._turn = 0
        self._said = ""

    def __call__(self, config: SourceConfig) -> Reader:
        """Raises `SourceError`, which tells a closed port from a silent, forbidden or unknown host only of hosts that
        are listed themselves.
        """
        try:
            return self._open(config)
        except ValueError as error:
            self._log(config, str(error))
            if str(error) == UNKNOWN_NAME:
                raise SourceError(Cause.REFUSED, f"{config.shown}: {UNKNOWN_NAME}") from error
        except SourceError as error:
            if self._rules.tells_all(config) or error.cause in _TOLD[config.kind]:
                raise
            self._log(config, str(error))
        raise SourceError(Cause.REFUSED, f"{config.shown}: {NO_ANSWER}")

    def answers(self, config: SourceConfig) -> bool:
        """See `reach.answers`; only allowed addresses are asked."""
        if config.kind not in _TOLD:
            return True
        try:
            target = take_apart(config.uri)
            return listens(self._rules.addresses(target), target.port_number)
        except ValueError:
            return False

    def _open(self, config: SourceConfig) -> Reader:
        # FFmpeg comes in here: too much for those who only want the settings.
        from engine.sources.live import open_http, open_rtsp
        from engine.sources.reader import open_reader

        self._rules.check_scheme(config.uri)
        if config.kind == "file":
            return open_reader(replace(config, uri=str(self._rules.file(config.uri))))
        if config.kind not in _TOLD:
            return open_reader(config)
        target = take_apart(config.uri)
        found = self._rules.addresses(target)
        address = found[self._turn % len(found)]
        self._turn += 1
        where = config.uri if target.is_encrypted else target.at(address)
        if config.kind == "rtsp":
            return turned(config, lambda config: open_rtsp(config, where))
        return turned(config, lambda config: open_http(config, where, target.place))

    def _log(self, config: SourceConfig, reason: str) -> None:
        """What really happened, for whoever runs the engine; once, not at each try."""
        if reason != self._said:
            logger.info("source %s: %s", config.id, reason)
        self._said = reason
