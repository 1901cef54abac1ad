"""Where the system is used, and whether the law lets it be used there."""

import re
from dataclasses import field
from typing import Literal

from engine.fields import Text, settings

_STATEMENT = re.compile(r"(medical|safety)\b\W*(\w.{19,})", re.IGNORECASE | re.DOTALL)


@settings
class DeploymentConfig:
    """`deployment: {context: ...}`.

    In the European Union it is prohibited to infer the emotions of people at their workplace or in education, unless
    for medical or safety reasons: Regulation (EU) 2024/1689 (AI Act), Article 5(1)(f). A pipeline for such a place
    does not start before the reason is written down. Writing one down does not make it lawful.
    """

    context: Literal["workplace", "education", "other"] = "other"
    exemption: Text | None = field(default=None)
    """`medical` or `safety`, and in a sentence what for; said at each start."""

    def problem(self) -> str | None:
        """Why the pipeline must not start; None where it may."""
        if self.context == "other":
            return (
                "deployment.exemption: is for the contexts workplace and education; leave it out"
                if self.exemption
                else None
            )
        if self.exemption is None:
            return (
                f"deployment.context: inferring emotions in {_PLACES[self.context]} is prohibited by Art. 5(1)(f) of "
                "the EU AI Act unless for medical or safety reasons; where one applies, state it as "
                "deployment.exemption: 'medical: ...' or 'safety: ...'"
            )
        if not _STATEMENT.fullmatch(self.exemption.strip()):
            return (
                "deployment.exemption: must begin with medical or safety and then say in 20 letters or more what for; "
                "other reasons are none under Art. 5(1)(f) of the EU AI Act"
            )
        return None


_PLACES = {"workplace": "the workplace", "education": "education"}
