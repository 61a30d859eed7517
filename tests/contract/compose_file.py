"""docker-compose.yml and docker/Dockerfile as data, and the native stack to hold them to."""

import re
from functools import cache

import yaml

from contracts.settings import ROOT, SECRETS, Settings

COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILE = ROOT / "docker" / "Dockerfile"
VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\}")
# Made in images of others; everything else runs in the project's own.
THIRD_PARTY = {"kafka", "postgres", "clickhouse", "minio", "kafdrop"}
PROJECT = "customer-analytics/"

NATIVE = Settings({name: f"native-{name}" for name in SECRETS})


def text() -> str:
    """Without comments, which may name anything."""
    return "\n".join(line for line in COMPOSE.read_text().splitlines() if not line.lstrip().startswith("#"))


def interpolated(values: dict[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        if found["name"] in values:
            return values[found["name"]]
        assert found["kind"] == "-", f"{found[0]} has neither value nor default"
        return found["rest"]

    return VARIABLE.sub(value, text())


@cache
def services() -> dict[str, dict]:
    """Every service, with the defaults of its variables and secrets made up."""
    return yaml.safe_load(interpolated({name: f"secret-{name}" for name in SECRETS}))["services"]


@cache
def top_level(name: str) -> dict[str, dict]:
    """A section of the file: volumes, secrets."""
    return yaml.safe_load(interpolated(dict.fromkeys(SECRETS, "x")))[name]


def long_running() -> dict[str, dict]:
    return {name: service for name, service in services().items() if service["restart"] != "no"}


def one_shot() -> dict[str, dict]:
    return {name: service for name, service in services().items() if service["restart"] == "no"}


def of_project() -> dict[str, dict]:
    return {name: service for name, service in services().items() if service["image"].startswith(PROJECT)}


def environment(name: str) -> dict[str, str]:
    return {key: str(value) for key, value in services()[name].get("environment", {}).items()}


def secrets(name: str) -> set[str]:
    """Names of the secrets that a service finds in files."""
    return set(services()[name].get("secrets", []))


def configs(name: str) -> dict[str, str]:
    """Name and path of each configuration file that a service finds."""
    return {entry["source"]: entry["target"] for entry in services()[name].get("configs", [])}


def given(name: str) -> Settings:
    """What a service of the project reads as its settings."""
    return Settings(environment(name) | {secret: f"secret-{secret}" for secret in secrets(name)})


def steps_of(name: str) -> list[str]:
    """The runner's steps that a service does, in order."""
    command = services()[name].get("command", [])
    return command[3:] if command[:2] == ["-m", "runner.container"] and command[2] in ("steps", "keep") else []


def upstream(name: str) -> set[str]:
    """Everything that is ready or done before a service starts."""
    direct = set(services()[name].get("depends_on", {}))
    return direct.union(*(upstream(each) for each in direct))


def megabytes(limit: str) -> int:
    assert limit.endswith("m"), f"{limit}: write limits in m"
    return int(limit[:-1])


def seconds(duration: str) -> int:
    assert duration.endswith("s"), f"{duration}: write durations in s"
    return int(duration[:-1])


@cache
def stages() -> dict[str, tuple[str, str]]:
    """Name of each stage of the Dockerfile, with its parent and its instructions."""
    source = DOCKERFILE.read_text().replace("\\\n", " ")
    found = re.findall(r"^FROM (\S+) AS (\S+)\n(.*?)(?=^FROM |\Z)", source, re.MULTILINE | re.DOTALL)
    return {name: (parent, body) for parent, name, body in found}


def instructions(stage: str) -> str:
    """Of a stage and all that it is built on."""
    if stage not in stages():
        return ""
    parent, body = stages()[stage]
    return instructions(parent) + body
