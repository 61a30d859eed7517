"""The rendered JSON Schemas say what the generators send, and refuse what breaks them. jsonschema is in dbt's environment."""

import json
import subprocess

import pytest
from generators_support import records_of, world

from contracts.events import Reason
from contracts.settings import ROOT, settings
from contracts.topics import STREAMS
from generators.dirt import BOT, DUPLICATE, LATE, Dirt
from generators.records import GOOD

VALIDATE = """
import json, sys
from jsonschema import Draft202012Validator
schema = json.load(open(sys.argv[1]))
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema)
for line in sys.stdin:
    print(json.dumps(next((error.json_path for error in validator.iter_errors(json.loads(line))), None)))
"""
# What a schema can say; the others need the key, the bytes or the clock.
IN_SCHEMA = {Reason.UNKNOWN_SCHEMA_VERSION, Reason.MISSING_FIELD, Reason.UNKNOWN_TYPE, Reason.WRONG_TYPE, Reason.OUT_OF_RANGE}


def faulty_paths(stream, values):
    """Where each value breaks its schema, None where it does not."""
    done = subprocess.run(
        [settings().tools / "venvs/dbt/bin/python", "-c", VALIDATE, ROOT / f"contracts/schemas/{stream.event.name}.json"],
        input=b"\n".join(values), capture_output=True, check=True,
    )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def soiled():
    dirts = {stream: Dirt(5, 40.0) for stream in STREAMS}
    return [dirts[records.stream].soil(records) for records in records_of(world(seed=5, customers=60, months=2))]


def rows(soiled, stream):
    return [row for records in soiled if records.stream is stream for row in zip(*records.columns(), strict=True)]


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.source)
def test_what_the_contract_lets_pass_is_as_the_schema_says(soiled, stream):
    values = [value for _, value, _, _, kind, _ in rows(soiled, stream) if kind in (GOOD, LATE, DUPLICATE, BOT)]
    assert len(values) > 200
    assert set(faulty_paths(stream, values)) == {None}


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.source)
def test_the_schema_refuses_what_is_dead_lettered_for_a_field(soiled, stream):
    broken = [(reason, value) for _, value, _, _, _, reason in rows(soiled, stream) if reason in IN_SCHEMA]
    assert {reason for reason, _ in broken} == IN_SCHEMA
    assert None not in faulty_paths(stream, [value for _, value in broken])
