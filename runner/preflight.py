"""What must be true before anything starts; every problem is one line that names the part and the remedy."""

import errno
import re
import shutil
import socket
from collections.abc import Iterable
from pathlib import Path

from contracts.settings import SECRETS, SettingsError, settings
from runner import processes
from runner.service import Service, StackError

MEGABYTE = 1024 * 1024


def check(services: Iterable[Service]) -> None:
    """StackError with one line per problem of the services that are about to start."""
    services = list(services)
    problems = [*secrets(), *(line for service in services for line in (*tools(service), *ports(service)))]
    if services:
        problems += [*memory(services), *disk()]
    if problems:
        raise StackError("\n".join(problems))


def secrets() -> Iterable[str]:
    for name in SECRETS:
        try:
            settings().secret(name)
        except SettingsError as error:
            yield str(error)


def tools(service: Service) -> Iterable[str]:
    for path in service.needs:
        if not path.exists():
            yield f"{service.name}: {path} is missing: run `make setup`"
    if not shutil.which(service.command[0]):
        yield f"{service.name}: {service.command[0]} is missing: run `make setup`"


def ports(service: Service) -> Iterable[str]:
    for name in service.ports:
        host, port = settings().host(name), settings().port(name)
        if holder := port_holder(host, port):
            yield f"{service.name}: port {port} on {host} is {holder}: free it, or set {name}_PORT or PORT_OFFSET"


def port_holder(host: str, port: int) -> str:
    """Who has a port, or why nobody can, as the end of a sentence; empty where it is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            # Whoever listens on the port at another address is not to blame for an address that is not ours.
            pid = processes.listener(port) if error.errno == errno.EADDRINUSE else None
            if pid:
                return f"taken by process {pid} ({processes.command(pid)})"
            return f"not to be had ({(error.strerror or str(error)).lower()})"
    return ""


def available_mb() -> int:
    """Memory that can be taken now: the machine's, or what a control group leaves of it."""
    fields = dict(re.findall(r"^(\w+):\s+(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE))
    machine = int(fields["MemAvailable"]) // 1024
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        used = int(Path("/sys/fs/cgroup/memory.current").read_text())
        cached = int(re.search(r"^file (\d+)", Path("/sys/fs/cgroup/memory.stat").read_text(), re.MULTILINE)[1])  # type: ignore[index]
    except (OSError, TypeError):
        return machine
    return machine if limit == "max" else min(machine, (int(limit) - used + cached) // MEGABYTE)


def memory(services: list[Service]) -> Iterable[str]:
    needed, found = sum(service.memory_mb for service in services), available_mb()
    if found < needed:
        yield f"memory: {len(services)} services need about {needed} MB, {found} MB are available"


def disk() -> Iterable[str]:
    needed = settings().number("MIN_DISK_MB", 4000)
    place = next(path for path in (settings().var, *settings().var.parents) if path.exists())
    found = shutil.disk_usage(place).free // MEGABYTE
    if found < needed:
        yield f"disk: {place} has {found} MB free, {needed} MB are needed (MIN_DISK_MB)"
