"""What file names of known face sets say: who it is, which clip and frame, and for JAFFE which expression.

Sources: Lucey et al. 2010, "The Extended Cohn-Kanade Dataset (CK+)" (`S005_001_00000011.png`: subject, sequence,
frame); Lyons et al. 1998, "Coding Facial Expressions with Gabor Wavelets" (JAFFE, `KA.AN1.39.tiff`: subject,
expression and take, picture).
"""

import re
from dataclasses import dataclass
from pathlib import Path

_CK = re.compile(r"(S\d{3})_(\d{3})(?:_(\d+))?(?![0-9])")
_JAFFE = re.compile(r"([A-Z]{2})\.(AN|DI|FE|HA|NE|SA|SU)\d\.\d+(?![0-9])")
_LAST_NUMBER = re.compile(r"(\d+)\D*$")
EXPRESSIONS = {
    "AN": "anger",
    "DI": "disgust",
    "FE": "fear",
    "HA": "happiness",
    "NE": "neutral",
    "SA": "sadness",
    "SU": "surprise",
}


@dataclass(frozen=True, slots=True)
class Code:
    """What a name says; None is what it does not say."""

    person: str | None = None
    clip: str | None = None
    frame: int | None = None
    label: str | None = None


def read_code(path: Path) -> Code:
    """What the name of file or folder `path` says.

    >>> read_code(Path("S005_001_00000011.png"))
    Code(person='S005', clip='S005_001', frame=11, label=None)
    >>> read_code(Path("KA.AN1.39.tiff")).label
    'anger'
    """
    if match := _CK.match(path.name):
        frame = int(match[3]) if match[3] else None
        return Code(match[1], f"{match[1]}_{match[2]}", frame)
    if match := _JAFFE.match(path.name):
        return Code(match[1], label=EXPRESSIONS[match[2]])
    return Code()


def last_number(path: Path) -> int | None:
    """The last number in a file's name, for frames: 7 in `frame-007.png`."""
    match = _LAST_NUMBER.search(path.stem)
    return int(match[1]) if match else None
