"""XML whose elements know their line, so that a label that does not parse can be named by it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.parsers import expat

from engine.errors import ConfigError


@dataclass(slots=True, eq=False)
class Element:
    """One element: its attributes, the text directly in it, and the elements within, in order."""

    tag: str
    line: int
    attributes: dict[str, str] = field(default_factory=dict)
    text: str = ""
    children: list["Element"] = field(default_factory=list)

    def all(self, tag: str) -> list["Element"]:
        """The children called `tag`."""
        return [child for child in self.children if child.tag == tag]

    def find(self, tag: str) -> "Element | None":
        """The first child called `tag`."""
        return next((child for child in self.children if child.tag == tag), None)


def read_xml(path: Path) -> Element:
    """The root element of file `path`. A file that declares entities is refused: labels need none.

    Raises:
        ConfigError: it cannot be read or is no XML; the message names the line.
    """
    parser = expat.ParserCreate()
    root = Element("", 0)
    stack = [root]

    def start(tag: str, attributes: dict[str, str]) -> None:
        stack[-1].children.append(Element(tag, parser.CurrentLineNumber, attributes))
        stack.append(stack[-1].children[-1])

    def end(_tag: str) -> None:
        stack.pop()

    def characters(text: str) -> None:
        stack[-1].text += text

    def entity(*_parts: Any) -> None:
        raise ConfigError(f"{path}:{parser.CurrentLineNumber}: declares an entity; label files need none, remove it")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.EntityDeclHandler = characters, entity
    try:
        parser.Parse(path.read_bytes(), True)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (expat.ExpatError, ValueError) as error:
        raise ConfigError(f"{path}:{parser.CurrentLineNumber}: is no XML ({error}); repair it") from error
    return root.children[0]
