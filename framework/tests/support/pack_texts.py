"""What packs tell a client about themselves, as one digest for each tool and prompt.

.venv/bin/python framework/tests/support/pack_texts.py > framework/tests/toolpacks/texts.json
"""

import hashlib
import json
import sys
from typing import Any

from pack_calls import arguments_of, output_schema

from gatelodge.toolpacks.pack import Pack
from gatelodge.toolpacks.packs import NAMES, load

__all__ = ["digests", "texts_of"]


def texts_of(pack: Pack) -> dict[str, Any]:
    """Everything that a client may be shown of a pack before it calls a tool."""
    found: dict[str, Any] = {f"{pack.name} instructions": [pack.title, pack.instructions]}
    for tool in pack.tools:
        schemas = [arguments_of(tool.function).model_json_schema(), output_schema(tool)]
        found[f"{pack.name}.{tool.name}"] = [tool.title, tool.description, tool.access, tool.hints, *schemas]
    for prompt in pack.prompts:
        arguments = arguments_of(prompt.function).model_json_schema()
        found[f"{pack.name} prompt {prompt.name}"] = [prompt.title, prompt.description, arguments, prompt.function()]
    return found


def digests() -> dict[str, str]:
    """The first 16 hexadecimal digits of the SHA-256 of each entry."""
    entries = {name: texts for pack in NAMES for name, texts in texts_of(load(pack)).items()}
    return {
        name: hashlib.sha256(json.dumps(texts, sort_keys=True).encode()).hexdigest()[:16]
        for name, texts in entries.items()
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(digests(), indent=1) + "\n")
