"""Checks of the tools: hints, schemas, answers, search and fetch, step-up (checklist F; OpenAI, plugins/reference)."""

import json
from collections.abc import Mapping

from jsonschema import Draft202012Validator, SchemaError, ValidationError  # type: ignore[import-untyped]

from gatelodge.ops.verify.challenges import bearer_challenge
from gatelodge.ops.verify.check import Check, Outcome, check, failed, passed, skipped, unseen
from gatelodge.ops.verify.linking import grant
from gatelodge.ops.verify.messages import result_of
from gatelodge.ops.verify.session import Session
from gatelodge.ops.verify.speaking import Called, endpoint, oauth_scopes, search_then_fetch, tool_list

__all__ = ["CHECKS"]

_HINTS = ("readOnlyHint", "destructiveHint", "openWorldHint")


def _named(faults: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {fault}" for name, fault in faults.items())


@check(
    "F21-hints",
    "Every tool says whether it reads only, destroys and reaches out",
    source="OpenAI, plugins/reference (required booleans; without readOnlyHint a tool counts as a write)",
    fix="Annotate each tool with readOnlyHint, destructiveHint and openWorldHint.",
    clients=("chatgpt",),
)
async def hints(session: Session) -> Outcome:
    faults: dict[str, str] = {}
    for tool in await tool_list(session):
        given = tool.get("annotations") or {}
        if lacking := [name for name in _HINTS if not isinstance(given.get(name), bool)]:
            faults[str(tool.get("name"))] = f"no {', '.join(lacking)}"
    return failed(_named(faults)) if faults else passed("all three on every tool")


@check(
    "F21-schemas",
    "Every tool has a description and valid schemas of objects",
    source="MCP, tools (inputSchema, outputSchema); OpenAI, plugins/reference",
    fix="Give each tool a description, an inputSchema of type object and, where it answers structured, an outputSchema.",
)
async def schemas(session: Session) -> Outcome:
    faults: dict[str, str] = {}
    for tool in await tool_list(session):
        name = str(tool.get("name"))
        if not tool.get("description"):
            faults[name] = "no description"
        for member in ("inputSchema", "outputSchema"):
            schema = tool.get(member)
            if schema is None and member == "outputSchema":
                continue
            try:
                Draft202012Validator.check_schema(schema)
            except SchemaError as error:
                faults[name] = f"{member}: {error.message[:100]}"
                continue
            if not isinstance(schema, dict) or schema.get("type") != "object":
                faults[name] = f"{member} is not of type object"
    return failed(_named(faults)) if faults else passed("valid on every tool")


async def _results(session: Session) -> list[Called]:
    """The results of search and fetch: the only tools whose arguments are known. Raises: Unmet."""
    found, fetched = await search_then_fetch(session)
    return [one for one in (found, fetched) if one is not None and one.result is not None]


def _seen(results: list[Called], faults: dict[str, str], none: str) -> Outcome:
    """What is said of ``results``; ``none`` when there are none."""
    if not results:
        return unseen(none)
    return failed(_named(faults)) if faults else passed(", ".join(str(one.tool["name"]) for one in results))


@check(
    "F21-structured",
    "structuredContent matches the tool's outputSchema",
    source="MCP, structured content; OpenAI, plugins/reference",
    fix="Declare an outputSchema for every tool that returns structuredContent, and return what it says.",
)
async def structured(session: Session) -> Outcome:
    results = await _results(session)
    faults: dict[str, str] = {}
    for one in results:
        schema, name = one.tool.get("outputSchema"), str(one.tool["name"])
        if one.structured is None:
            if schema is not None:
                faults[name] = "an outputSchema, but no structuredContent"
        elif not isinstance(schema, dict):
            faults[name] = "structuredContent, but no outputSchema"
        else:
            try:
                Draft202012Validator(schema).validate(one.structured)
            except (ValidationError, SchemaError) as error:
                faults[name] = str(error.message)[:150]
    return _seen(results, faults, "neither search nor fetch gave a result")


@check(
    "F21-text",
    "One text item repeats structuredContent as JSON",
    source="OpenAI, api/docs/mcp (search and fetch); MCP, structured content (SHOULD)",
    fix="Return exactly one content item of type text with the JSON of structuredContent.",
)
async def text(session: Session) -> Outcome:
    results = [one for one in await _results(session) if one.structured is not None]
    faults: dict[str, str] = {}
    for one in results:
        try:
            repeated = len(one.texts) == 1 and json.loads(one.texts[0]) == one.structured
        except ValueError:
            repeated = False
        if not repeated:
            faults[str(one.tool["name"])] = f"{len(one.texts)} text items, not one equal to structuredContent"
    return _seen(results, faults, "no structuredContent was returned")


@check(
    "F23-schemes",
    "securitySchemes are at the tool's top level and, the same, in _meta",
    source="OpenAI, plugins/build/auth; libraries drop the top-level member",
    fix="Write securitySchemes into the listed tool and into its _meta.",
    clients=("chatgpt",),
)
async def schemes(session: Session) -> Outcome:
    tools = await tool_list(session)
    faults: dict[str, str] = {}
    said = 0
    for tool in tools:
        top, mirrored = tool.get("securitySchemes"), (tool.get("_meta") or {}).get("securitySchemes")
        said += top is not None or mirrored is not None
        if top != mirrored:
            faults[str(tool.get("name"))] = "only in _meta" if top is None else "not the same in _meta"
    if not said:
        return skipped("no tool has schemes: one sign-in is for the whole server")
    return failed(_named(faults)) if faults else passed(f"{said} of {len(tools)} tools")


@check(
    "F23-step-up",
    "A call that needs more scopes carries the challenge in its result, with error and error_description",
    source='OpenAI, plugins/build/auth (_meta["mcp/www_authenticate"])',
    fix='Return isError with _meta["mcp/www_authenticate"]: one Bearer challenge with resource_metadata, error and'
    " error_description.",
    clients=("chatgpt",),
)
async def step_up(session: Session) -> Outcome:
    held = (await grant(session)).tokens.scopes
    lacking = [tool for tool in await tool_list(session) if oauth_scopes(tool) - held]
    if not held or not lacking:
        return unseen("no tool says that it needs more scopes than the first sign-in gives")
    reply = await (await (await endpoint(session)).opened()).call(str(lacking[0]["name"]), {})
    result = result_of(reply) or {}
    value = (result.get("_meta") or {}).get("mcp/www_authenticate")
    header = value[0] if isinstance(value, list) and value else value
    challenge = bearer_challenge(header if isinstance(header, str) else None)
    if challenge is None or result.get("isError") is not True:
        return failed(f"{lacking[0]['name']}: {reply.says()} without a challenge in the result")
    missing = [name for name in ("resource_metadata", "error", "error_description") if not challenge.get(name)]
    return failed(f"the challenge lacks {', '.join(missing)}") if missing else passed(f"error {challenge['error']}")


@check(
    "F23-protected",
    "On a server that is open to strangers, a tool that needs a sign-in asks for it",
    source="OpenAI, plugins/build/auth (mixed mode); Anthropic (needs HTTP 401)",
    fix="Answer a call without a token with 401 and the challenge when the tool's schemes do not have noauth.",
)
async def protected(session: Session) -> Outcome:
    tools = [tool for tool in await tool_list(session) if oauth_scopes(tool)]
    spoken = await endpoint(session)
    if not tools:
        return skipped("no tool says that it needs a sign-in")
    reply = await (await type(spoken)(spoken.wire, spoken.url, spoken.era).opened()).call(str(tools[0]["name"]), {})
    challenge = bearer_challenge(reply.headers.get("www-authenticate"))
    good = reply.status == 401 and challenge is not None
    return passed(f"{tools[0]['name']}: 401") if good else failed(f"{tools[0]['name']}: {reply.says()}")


CHECKS: tuple[Check, ...] = (
    hints,
    schemas,
    structured,
    text,
    schemes,
    step_up,
    protected,
)
