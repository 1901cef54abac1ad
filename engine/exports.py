"""What a package offers from its modules, imported when it is first asked for."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def exports(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """The module-level `__getattr__` of `package`: `homes` names the module of each thing it offers.

    Short commands ask for the settings of a package, and need not wait for the libraries behind the rest of it.
    """

    def lookup(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(homes[name]), name)

    return lookup
