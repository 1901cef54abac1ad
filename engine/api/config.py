"""Where the API listens and who may ask."""

import ipaddress
from dataclasses import field
from typing import Self

from pydantic import model_validator

from engine.fields import Port, Text, settings


@settings
class ApiConfig:
    """Without a token the API answers this machine alone. Port 0 takes any free one.

    Requests must name localhost, an IP address, `host`, or one of `allowed_hosts`; with a token and no
    `allowed_hosts` any name will do.
    """

    enabled: bool = True
    host: Text = "127.0.0.1"
    port: Port = 8080
    token: str | None = field(default=None, repr=False)
    allowed_hosts: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if self.token is not None and not self.token.strip():
            raise ValueError("token is empty; set one or leave it out")
        if self.enabled and self.token is None and not is_loopback(self.host):
            raise ValueError(f"host {self.host} can be reached from other machines; set token, or host: 127.0.0.1")
        return self


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`; for a name other than localhost, no."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
