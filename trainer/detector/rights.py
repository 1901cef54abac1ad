"""On whose pictures and teachers a detector was made, as its card says it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.datarights import DataSource, merged, read_sources
from engine.errors import ConfigError
from trainer.rights import NOT_STATED

WIDER = {
    "rights": [
        {
            "name": "WIDER FACE",
            "use": "trained on",
            "terms": "for research only; pictures from the web, rights with their owners",
            "commercial": "not cleared",
            "url": "http://shuoyang1213.me/WIDERFACE/",
        }
    ]
}
"""What the manifest of a folder made from WIDER FACE says."""


def stated_terms(licence: str | None, commercial: str | None) -> dict[str, str]:
    """What the manifest of labelled pictures says of their terms, where somebody said anything."""
    return {key: value for key, value in (("licence", licence), ("commercial", commercial)) if value}


def data_rights(
    facts: Mapping[str, Any], measured_on: Iterable[str] = (), stated: Sequence[DataSource] = ()
) -> tuple[DataSource, ...]:
    """The `data_rights` of a detector that learned from the folder, or the `parts`, that the manifest `facts` is of.

    `measured_on` are names of labelled sets; `stated` replaces what the manifests say of a name and use.

    Raises:
        ConfigError: a manifest's own words are damaged.
    """
    try:
        learned = [source for part in facts.get("parts") or [facts] for source in _of(part)]
    except (ValueError, TypeError) as error:
        raise ConfigError(f"the manifest of the labelled pictures says no usable terms: {error}") from error
    measured = [DataSource(name, "measured on", NOT_STATED) for name in measured_on]
    return merged(learned, measured, stated)


def _of(part: Mapping[str, Any]) -> Iterator[DataSource]:
    yield from read_sources(part.get("rights", ()), "rights")
    names = [Path(str(each.get("source", ""))).name for each in part.get("sources") or []]
    if names or "rights" not in part:
        name = ", ".join(filter(None, names)) or "pictures without a name"
        terms = part.get("licence") or NOT_STATED
        yield DataSource(name, "trained on", terms, part.get("commercial") or "unknown")
    for teacher in part.get("teachers") or []:
        terms = teacher.get("licence") or NOT_STATED
        yield DataSource(teacher["name"], "distilled from", terms, teacher.get("commercial") or "unknown")
