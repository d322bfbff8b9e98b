"""Settings of limits: how often and how much at once, for whom; where it is counted; a process's capacity.

A rate is written ``10/minute`` or ``300/5 minutes``; ``off`` is none. Not here: registrations and client documents
(``desk``), sizes and times of one request (``docs/reference/limits.md``).
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, field_validator
from pydantic_settings import NoDecode

from gatelodge.ratelimit.config import LimitsConfig
from gatelodge.ratelimit.rate import Rate
from gatelodge.settings.process import Names, ip_addresses, split
from gatelodge.settings.redis import RedisSettings

__all__ = ["LimitSettings"]


def _rate(text: str) -> str:
    Rate.parse(text)
    return text


# 10/minute, or: off.
RateText = Annotated[str, AfterValidator(_rate)]
# 0: no limit.
Number = Annotated[int, Field(ge=0, le=100_000)]


class LimitSettings(RedisSettings):
    """Limits of a server."""

    trusted_proxies: Names = Field(
        default=frozenset({"127.0.0.1", "::1"}),
        examples=["127.0.0.1,10.0.0.2"],
        description="Addresses of proxies whose `X-Forwarded-For` is believed, for limits by address.",
    )
    limit_calls: RateText = Field(
        default="100/minute",
        examples=["300/minute"],
        description=(
            "Calls of tools, prompts and resources, through the proxy and of the connections' JSON routes by one user, all "
            "together; `off`: no limit. So for every rate."
        ),
    )
    limit_tools: Annotated[Mapping[str, str], NoDecode] = Field(
        default={},
        examples=["search=30/minute,fetch=300/minute"],
        description=(
            "Tools with a rate of their own for each user, in place of that one; so for endpoints behind "
            "`auth_middleware`, as in `POST /notes=5/minute`, and for routes of the proxy and the connections, as in "
            "`GET /workspace/internal/tokens/{provider}=1000/minute`."
        ),
    )
    limit_anonymous_calls: RateText = Field(
        default="1000/minute",
        examples=["off"],
        description="Calls without a token from one address, where something is public.",
    )
    limit_token_failures: RateText = Field(
        default="600/minute",
        examples=["1200/minute"],
        description=(
            "Refused tokens from one address before a refusal is `429` in place of `401`. A good token passes "
            "all the same."
        ),
    )
    limit_links: RateText = Field(
        default="10/minute",
        examples=["20/minute"],
        description="Beginnings of a link at a provider by one user, and as many returns from providers.",
    )
    limit_links_by_address: RateText = Field(
        default="300/minute",
        examples=["1000/minute"],
        description="The same two for one address, whoever asks.",
    )
    limit_calls_at_once: Number = Field(
        default=32,
        examples=["64"],
        description=(
            "Requests to the MCP endpoint, the proxy and the connections' JSON routes, or to the application behind "
            "`auth_middleware`, that one user has running at once in one process; 0: no limit. So for every number."
        ),
    )
    limit_streams: Number = Field(
        default=16,
        examples=["32"],
        description="Streams that one user has open at once in one process.",
    )
    limit_all_streams: Number = Field(
        default=1000,
        examples=["5000"],
        description="Streams open in one process, of all users.",
    )
    limit_requests: Number = Field(
        default=1000,
        examples=["200"],
        description="Requests in work in one process, of all callers; streams that have begun and health do not count.",
    )
    limit_waiting: Number = Field(
        default=100,
        examples=["0"],
        description=(
            "Requests that may wait, for half a second at most, until one of those is done; the rest gets `503` at once."
        ),
    )

    _split_proxies = field_validator("trusted_proxies", mode="before")(split)
    _check_proxies = field_validator("trusted_proxies")(ip_addresses)

    @field_validator("limit_tools", mode="before")
    @classmethod
    def _read_tools(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        entries = (entry.partition("=") for entry in value.split(",") if entry.strip())
        return {name.strip(): rate.strip() for name, _, rate in entries}

    @field_validator("limit_tools")
    @classmethod
    def _check_tools(cls, tools: Mapping[str, str]) -> Mapping[str, str]:
        for name, rate in tools.items():
            try:
                Rate.parse(rate)
            except ValueError as error:
                raise ValueError(f"must be a list of tool=rate; the rate of {name} {error}") from None
        return tools

    def limits_config(self) -> LimitsConfig:
        """The section of limits."""
        return LimitsConfig(
            calls=Rate.parse(self.limit_calls),
            tools={name: Rate.parse(rate) for name, rate in self.limit_tools.items()},
            anonymous_calls=Rate.parse(self.limit_anonymous_calls),
            token_failures=Rate.parse(self.limit_token_failures),
            links=Rate.parse(self.limit_links),
            links_by_address=Rate.parse(self.limit_links_by_address),
            calls_at_once=self.limit_calls_at_once,
            streams=self.limit_streams,
            all_streams=self.limit_all_streams,
            requests=self.limit_requests,
            waiting=self.limit_waiting,
            trusted_proxies=self.trusted_proxies,
        )
