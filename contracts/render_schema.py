"""JSON Schema (draft 2020-12) of the events: what a producer must send, beside the rules that a schema cannot say.

Those are: the Kafka key is the customer id, a record has MAX_EVENT_BYTES at most, its times lie between EARLIEST_EVENT_TIME
and CLOCK_TOLERANCE_HOURS ahead of now, and of fields that ascend (a discount, its amount) none is above the next.
"""

import json

from contracts.events import MAX_TEXT_CHARACTERS, SCHEMA_VERSION, Event
from contracts.types import Column, Type

# As the contract writes a time: UTC, milliseconds.
INSTANT = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$"


def schema(event: Event) -> str:
    """Fields that the contract does not know are let through; nullable ones may be absent or null."""
    return (
        json.dumps(
            {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "title": event.name,
                "type": "object",
                "required": [field.name for field in event.fields if not field.nullable],
                "properties": {field.name: _property(field) for field in event.fields},
            },
            indent=2,
        )
        + "\n"
    )


def _property(field: Column) -> dict[str, object]:
    kind = field.type.json_schema
    rules: dict[str, object] = {"description": field.doc, "type": [kind, "null"] if field.nullable else kind}
    if field.name == "schema_version":
        rules["const"] = SCHEMA_VERSION
    if field.allowed:
        rules["enum"] = [*field.allowed, *([None] if field.nullable else [])]
    elif field.type is Type.TIMESTAMP:
        rules |= {"format": "date-time", "pattern": INSTANT}
    elif kind == "string":
        rules |= {"minLength": 1, "maxLength": MAX_TEXT_CHARACTERS}
    for name, bound in (("minimum", field.minimum), ("maximum", field.maximum)):
        if bound is not None:
            rules[name] = bound
    return rules
