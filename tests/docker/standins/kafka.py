"""Stand-in for the start of apache/kafka: KAFKA_<PROPERTY> becomes server.properties, the data directory is formatted once."""

import os
import subprocess
from pathlib import Path

PROPERTIES = Path("/etc/kafka/server.properties")
NOT_PROPERTIES = {"KAFKA_HEAP_OPTS"}
# The image's own, which no container of a cluster of one needs to change.
CLUSTER = os.environ.get("CLUSTER_ID", "5L6g3nShT-eMCtK--X86sw")
LOGGING = "-Dlog4j2.configurationFile=/opt/stack/runner/files/log4j2.properties"


def property_name(variable: str) -> str:
    """As the image has it: three underscores are a dash, two an underscore, one a dot."""
    name = variable.removeprefix("KAFKA_").lower()
    return name.replace("___", "-").replace("__", "\0").replace("_", ".").replace("\0", "_")


def java(*arguments: str, heap: str) -> list[str]:
    return ["java", *heap.split(), LOGGING, "-cp", "/opt/tools/jars/kafka/*", *arguments]


def main() -> None:
    given = {name: value for name, value in os.environ.items() if name.startswith("KAFKA_") and name not in NOT_PROPERTIES}
    PROPERTIES.write_text("".join(f"{property_name(name)}={value}\n" for name, value in sorted(given.items())))
    format_storage = ("kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", CLUSTER, "-c", str(PROPERTIES))
    subprocess.run(java(*format_storage, heap="-Xmx128m"), check=True)
    command = java("kafka.Kafka", str(PROPERTIES), heap=os.environ["KAFKA_HEAP_OPTS"])
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
