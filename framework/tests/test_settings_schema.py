"""The JSON Schema of the variables: valid by itself, true to the models, and without anything that is set here."""

from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from gatelodge.settings.processes import PROCESSES, Process
from gatelodge.settings.schema import schema_of, whole_schema
from gatelodge.settings.variables import variables


def accepted(schema: dict[str, Any], values: dict[str, str]) -> bool:
    """Whether an environment is one by the schema."""
    return bool(jsonschema.Draft202012Validator(schema).is_valid(values))


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)
def test_a_schema_has_each_variable_of_its_process_and_accepts_its_examples(process: Process) -> None:
    schema = schema_of(process)
    jsonschema.Draft202012Validator.check_schema(schema)
    known = {one.name: one for model in process.sections() for one in variables(model)}
    assert schema["properties"].keys() == known.keys()
    assert set(schema["required"]) == {one.name for one in known.values() if one.field.is_required()}
    examples = {name: one.example for name, one in known.items()}
    assert accepted(schema, examples)
    for name in schema["required"]:
        assert not accepted(schema, {other: value for other, value in examples.items() if other != name})
    assert {name for name, said in schema["properties"].items() if said.get("writeOnly")} == {
        name for name, one in known.items() if one.secret
    }


def test_a_schema_refuses_what_is_no_choice_or_no_number() -> None:
    (server,) = (schema_of(one) for one in PROCESSES if one.name == "server")
    good = {"GATELODGE_PUBLIC_URL": "https://a.example/mcp", "GATELODGE_ISSUER": "https://a.example/r"}
    assert accepted(server, good | {"GATELODGE_PORT": "8000", "GATELODGE_DRAIN": "0.5", "GATELODGE_MODE": "production"})
    for faulty in ({"GATELODGE_PORT": "x"}, {"GATELODGE_DRAIN": "a"}, {"GATELODGE_MODE": "test"}):
        assert not accepted(server, good | faulty)


def test_the_whole_schema_has_every_process_and_nothing_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    before = whole_schema()
    jsonschema.Draft202012Validator.check_schema(before)
    assert before["$defs"].keys() == {one.name for one in PROCESSES}
    monkeypatch.setenv("GATELODGE_ISSUER", "https://canary.example/r")
    assert whole_schema() == before
