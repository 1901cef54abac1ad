"""What other users of this machine could read: the log on standard error, a configuration with passwords."""

import logging
import re
from pathlib import Path

from engine import ownerfiles
from engine.redact import redact

logger = logging.getLogger(__name__)

_VARIABLE = re.compile(r"\$\{\w+\}(?:[:@])?")
_TOKEN = re.compile(r"""(?:^|[{,\s-])['"]?token['"]?:[ \t]*['"]?[^\s'"{}\[\],#]""", re.MULTILINE)


def check_files(config: Path) -> None:
    """Keep the log to its owner (0600), and warn of a configuration with secrets that is not; at the start of a run."""
    for number in (1, 2):
        if ownerfiles.tighten(number):
            logger.warning("other users could read this log and %s", ownerfiles.outcome(number))
    if ownerfiles.is_open(config) and holds_secrets(config):
        logger.warning(
            "%s holds passwords or tokens and other users can read it; run chmod 600 on it, or write ${NAME} "
            "and give them in the environment",
            config,
        )


def holds_secrets(config: Path) -> bool:
    """Whether a password or token stands in the file itself; `${NAME}` is none."""
    try:
        text = config.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False  # said when it is loaded
    plain = _VARIABLE.sub("", re.sub(r"(?m)(?:^|\s)#.*$", "", text))
    plain = re.sub(r"//:?@?(?=\w)", "//", plain)  # a login of variables alone
    return redact(plain) != plain or _TOKEN.search(plain) is not None
