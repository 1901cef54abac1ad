"""Every way this engine says no.

MoodlineError                 what the command line prints as one line
├── ConfigError               a setting is wrong; exit code 2
├── ModelError                a model file or its card cannot be trusted or run
│   ├── DeviceError           the model does not run where it was asked to run
│   │   └── DeviceLost        the GPU is gone or broken, for this process at least
│   └── OutOfMemory           the device or this machine has no memory for a model's call
├── SourceError               a source cannot be opened or has ended; carries a `Cause`
├── SourceRefused             a source is not added, changed or removed as asked; carries a `Refusal`
├── HistoryError              the history database cannot be opened or written
├── BusError                  the bus does not take messages at present; carries a `BusCause`
│   └── BusForgot             the bus has lost events that it had taken
├── OutputError               a file of results cannot be written
├── DownloadError             a file cannot be fetched from where it is published, or is not the one promised
└── StageFailed               a stage raised; the run ends with its cause
    └── StageStuck            a stage does not return; the process ends, to be started again
ChannelClosed                 nothing more can be put, or will ever come
"""

from enum import StrEnum


class Cause(StrEnum):
    """Why a source is not delivering."""

    AUTH = "auth"
    NOT_FOUND = "not_found"
    REFUSED = "refused"
    BUSY = "busy"
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    LOST = "lost"
    LAG = "lag"
    DAMAGED = "damaged"
    CODEC = "codec"
    ENDED = "ended"


class BusCause(StrEnum):
    """Why a bus takes nothing, one word for each thing a person would do about it."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    AUTH = "auth"
    FORBIDDEN = "forbidden"
    LOADING = "loading"
    BUSY = "busy"
    FULL = "full"
    READ_ONLY = "read_only"
    DISK = "disk"
    WRONG_TYPE = "wrong_type"
    MOVED = "moved"
    REFUSED = "refused"
    FORGOT = "forgot"
    CLOSED = "closed"


class MoodlineError(Exception):
    """A fact the user can act on. The message gives the name, the value and the way out."""


class ConfigError(MoodlineError):
    """One or more settings are wrong. `problems` holds one line for each."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class ModelError(MoodlineError):
    """A model file or its card is missing, altered, or does not fit."""


class DeviceError(ModelError):
    """A session opened on another device than the one asked for."""


class DeviceLost(DeviceError):
    """The GPU is gone or broken, for this process at least."""


class OutOfMemory(ModelError):
    """The device, or this machine, has no memory for a model's call."""


class SourceError(MoodlineError):
    """A source cannot be opened, was lost, or has ended. The message holds no credentials."""

    def __init__(self, cause: Cause, message: str) -> None:
        super().__init__(message)
        self.cause = cause


class Refusal(StrEnum):
    """Why a source is not added, changed or removed."""

    EXISTS = "exists"
    UNKNOWN = "unknown"
    FROM_FILE = "from_file"
    FROM_BROWSER = "from_browser"
    FULL = "full"
    ELSEWHERE = "elsewhere"


class SourceRefused(MoodlineError):
    """A source is not added, changed or removed as asked; nothing was changed."""

    def __init__(self, why: Refusal, message: str) -> None:
        super().__init__(message)
        self.why = why


class HistoryError(MoodlineError):
    """The history database cannot be opened or written."""


class BusError(MoodlineError):
    """The bus does not take messages at present; what was to be sent is still in the history."""

    def __init__(self, message: str, cause: BusCause = BusCause.REFUSED) -> None:
        super().__init__(message)
        self.cause = cause


class BusForgot(BusError):
    """The bus lacks events of `run_id` that it had taken: of `sent`, the last, it knows only `kept` and before."""

    def __init__(self, message: str, run_id: str, sent: int, kept: int) -> None:
        super().__init__(message, BusCause.FORGOT)
        self.run_id = run_id
        self.sent = sent
        self.kept = kept


class OutputError(MoodlineError):
    """A file of results cannot be written, for example because the disk is full."""


class DownloadError(MoodlineError):
    """A file cannot be fetched, kept, or is not the one that was promised. The message holds no credentials."""


class StageFailed(MoodlineError):
    """A stage raised. `__cause__` is what it raised."""

    def __init__(self, stage: str, cause: BaseException) -> None:
        what = str(cause)
        if isinstance(cause, MemoryError):
            what = f"this machine is out of memory; run fewer cameras or smaller frames{f' ({what})' if what else ''}"
        super().__init__(f"stage {stage!r} failed: {type(cause).__name__}: {what}")
        self.stage = stage


class StageStuck(StageFailed):
    """A stage has not returned for `for_s` seconds. Its thread cannot be ended, so the process must end."""

    def __init__(self, stage: str, for_s: float) -> None:
        MoodlineError.__init__(
            self,
            f"stage {stage!r} hangs: its call has not returned for {for_s:.0f} s (stall_exit_s); the process ends, "
            "so that its supervisor starts it again",
        )
        self.stage = stage


class ChannelClosed(Exception):
    """The channel takes nothing more, or is closed and empty."""
