"""What settings from outside must look like: checked by pydantic, every mistake as one line with its path."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")
_EXPECTED = {
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "keys and values",
    "dataclass_type": "keys and values",
}
"""What of another kind than asked is told by, instead of in pydantic's words."""


class Shape(Generic[T]):
    """What a file or a request must look like: a settings class, which also knows its keys."""

    def __init__(self, kind: type[T]) -> None:
        self._adapter: TypeAdapter[T] = TypeAdapter(kind)

    def check(self, raw: Mapping[str, Any], problems: list[str]) -> T | None:
        """`raw` as settings, or None and all that is wrong with it added to `problems`."""
        try:
            return self._adapter.validate_python(raw)
        except ValidationError as error:
            problems += [self._describe(item) for item in error.errors(include_url=False)]
            return None

    def json_schema(self) -> dict[str, Any]:
        return {"$schema": "https://json-schema.org/draft/2020-12/schema", **self._adapter.json_schema()}

    def _describe(self, problem: Any) -> str:
        location = list(problem["loc"])
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
        said = self._said(problem, location)
        return f"{path}: {said}" if path else said

    def _said(self, problem: Any, location: Sequence[Any]) -> str:
        kind, value = problem["type"], problem["input"]
        if kind in {"unexpected_keyword_argument", "extra_forbidden"}:
            known = self._known_keys(location[:-1])
            near = difflib.get_close_matches(str(location[-1]), known, n=1)
            return "unknown key" + (f"; did you mean {near[0]!r}?" if near else _list(known))
        if kind in {"missing", "missing_argument", "missing_keyword_only_argument"}:
            return "is missing"
        if kind in _EXPECTED:
            return f"expected {_EXPECTED[kind]}, got {'nothing' if value is None else repr(value)}"
        if kind == "string_type" and isinstance(value, bool):
            return "is a truth value: YAML reads on, off, yes and no as one; write it in quotes"
        message: str = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
        if isinstance(value, dict | list) or kind == "value_error" or location[-1:] == ["token"]:
            return message
        return f"{value!r} {message}"

    def _known_keys(self, location: Sequence[Any]) -> list[str]:
        """The keys that may stand at `location`, read from the JSON Schema."""
        schema = self._adapter.json_schema()
        node: Any = schema
        for part in [*location, None]:
            node = next((choice for choice in node.get("anyOf", ()) if "$ref" in choice), node)
            while "$ref" in node:
                node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
            if part is None:
                break
            node = node.get("items", {}) if isinstance(part, int) else node.get("properties", {}).get(part, {})
        return list(node.get("properties", {}))


def _list(keys: Sequence[str]) -> str:
    return f"; known are {', '.join(keys)}" if keys else ""
