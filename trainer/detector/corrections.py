"""What a person saw that teachers did not: pictures without a face after all, and pictures better left out.

A text file with a line for each picture, named as in the folder of labelled pictures:

    none backgrounds/0017.jpg    # a bird: whatever the teachers see in it, it is background
    out  faces/00413.jpg         # an ear and a cheek: neither a face nor background
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from engine.errors import ConfigError

_WORDS = ("none", "out")


@dataclass(frozen=True, slots=True)
class Corrections:
    """Names of pictures: in `none` there is no face, and those in `out` are not wanted."""

    none: frozenset[str] = frozenset()
    out: frozenset[str] = frozenset()

    def check(self, names: Iterable[str]) -> None:
        """Whether every correction is about one of `names`.

        Raises:
            ConfigError: some are about other pictures.
        """
        strange = sorted((self.none | self.out) - set(names))
        if strange:
            more = f" and {len(strange) - 1} more" if len(strange) > 1 else ""
            raise ConfigError(
                f"--corrections: there is no picture {strange[0]!r}{more}; names look like folder/file.jpg"
            )


def read_corrections(path: Path) -> Corrections:
    """The corrections in file `path`; what follows a `#` is for people.

    Raises:
        ConfigError: it cannot be read, or lines do not parse; each is named.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigError(f"--corrections: {str(path)!r} cannot be read ({reason})") from error
    found: dict[str, set[str]] = {word: set() for word in _WORDS}
    problems = []
    for number, line in enumerate(lines, 1):
        said = line.split("#")[0].split(maxsplit=1)
        if len(said) == 2 and said[0] in _WORDS:
            found[said[0]].add(said[1].strip())
        elif said:
            problems.append(f"{path}:{number}: expected 'none NAME' or 'out NAME', got {line.strip()!r}")
    if problems:
        raise ConfigError(*problems)
    return Corrections(frozenset(found["none"]), frozenset(found["out"]))
