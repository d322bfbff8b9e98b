"""``run.json``: everything of a run but its requests; strict, so that a changed file is not read as another run."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

__all__ = ["EventRecord", "LinkRecord", "RunRecord"]

Text = Annotated[str, StringConstraints(max_length=400)]
Name = Annotated[str, StringConstraints(max_length=60)]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Seconds = Annotated[float, Field(ge=0, le=100_000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class EventRecord(_Strict):
    """Something that the run did, in seconds since it began; ``until`` is None when it never ended."""

    name: Name
    at: Seconds
    until: Seconds | None
    detail: Annotated[dict[Name, Text], Field(max_length=20)]


class LinkRecord(_Strict):
    """One link; ``user`` is a number, not a name."""

    user: Annotated[int, Field(ge=1, le=1000)]
    seconds: Seconds
    good: bool
    why: Text


class RunRecord(_Strict):
    """The run. ``files``: the sha256 of what else the run wrote. ``not_measured``: subject to reason."""

    format: Literal[1]
    url: Text
    local: bool
    began: Text
    seconds: Seconds
    lasted: Seconds
    clients: Annotated[int, Field(ge=1, le=1000)]
    interval: Seconds
    samples: Annotated[int, Field(ge=0, le=100_000)]
    command: Text
    environment: Annotated[dict[Name, Text], Field(max_length=60)]
    events: Annotated[list[EventRecord], Field(max_length=100)]
    links: Annotated[list[LinkRecord], Field(max_length=1000)]
    not_measured: Annotated[dict[Name, Text], Field(max_length=60)]
    clients_left: Annotated[list[Text], Field(max_length=1000)]
    files: Annotated[dict[Name, Digest], Field(max_length=10)]
