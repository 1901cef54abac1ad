"""Where the API listens and who may ask."""

import ipaddress
from collections import Counter
from dataclasses import field
from typing import Annotated, Literal, Self

from pydantic import model_validator

from engine.fields import Field, Port, Text, settings
from engine.sources.rules import ApiSourcesConfig
from engine.words import counted

Scope = Literal["read", "operate"]
SHORTEST = 16
"""Characters of a token where other machines can ask: shorter ones can be guessed."""
ALL_SCOPES: tuple[Scope, ...] = ("read", "operate")


@settings
class TokenConfig:
    """One token and what it is good for: `read` for every GET, `operate` for whatever changes something."""

    token: Text = field(repr=False)
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1)] = ("read",)

    @model_validator(mode="after")
    def _filled(self) -> Self:
        _check(self.token)
        return self


@settings
class ApiConfig:
    """Without a token the API answers this machine alone. Port 0 takes any free one.

    `token` is short for one of `tokens` that has all scopes. Requests must name localhost, an IP address,
    `host`, or one of `allowed_hosts`; with a token and no `allowed_hosts` any name will do.
    """

    enabled: bool = True
    host: Text = "127.0.0.1"
    port: Port = 8080
    token: str | None = field(default=None, repr=False)
    tokens: tuple[TokenConfig, ...] = ()
    allowed_hosts: tuple[Text, ...] = ()
    root_path: Annotated[str, Field(pattern=r"^(/[A-Za-z0-9_.~-]+)*$", max_length=256)] = ""
    """The path below which a proxy serves it, such as `/moodline`; it answers with and without it."""
    browser_cameras: bool | None = None
    """Whether browsers may send their cameras; None: where only this machine can reach the API."""
    docs: bool | None = None
    """Whether there are `/docs` and `/openapi.json`; by default only where no other machine can ask."""
    sources: ApiSourcesConfig = field(default_factory=ApiSourcesConfig)

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if self.token is not None:
            _check(self.token)
        if any(count > 1 for count in Counter(one.token.strip() for one in self.all_tokens()).values()):
            raise ValueError("a token is given twice; name all its scopes in one place")
        if self.enabled and not self.all_tokens() and not is_loopback(self.host):
            raise ValueError(f"host {self.host} can be reached from other machines; set token, or host: 127.0.0.1")
        if self.enabled and not is_loopback(self.host):
            short = min((len(one.token.strip()) for one in self.all_tokens()), default=SHORTEST)
            if short < SHORTEST:
                raise ValueError(
                    f"a token has {counted(short, 'character')}, and host {self.host} can be reached from other "
                    f"machines; use {SHORTEST} at least, for example of: openssl rand -hex 16"
                )
        return self

    @property
    def takes_browser_cameras(self) -> bool:
        """What `browser_cameras` comes to."""
        return is_loopback(self.host) if self.browser_cameras is None else self.browser_cameras

    @property
    def shows_docs(self) -> bool:
        return is_loopback(self.host) if self.docs is None else self.docs

    def all_tokens(self) -> tuple[TokenConfig, ...]:
        """Every token, `token` among them; empty when none is asked for."""
        short = () if self.token is None else (TokenConfig(token=self.token, scopes=ALL_SCOPES),)
        return (*short, *self.tokens)


def _check(token: str) -> None:
    if not token.strip():
        raise ValueError("token is empty; set one or leave it out")
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in token.strip()):
        raise ValueError("token holds a control character; a header cannot carry it")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`; for a name other than localhost, no."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
