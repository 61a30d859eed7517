"""Talk to supervisord over its socket with the standard library alone, so that stopping needs no virtual environment."""

import http.client
import socket
import xmlrpc.client
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from contracts.settings import settings

# A socket's path is limited to 107 bytes, and supervisord first makes it under a name with its process id.
LONGEST_SOCKET_PATH = 90

# supervisord's name for itself: tells a configuration of ours from others.
IDENTIFIER = "analytics"

ALIVE = ("STARTING", "RUNNING", "BACKOFF", "STOPPING")
DEAD = ("BACKOFF", "EXITED", "FATAL")


@dataclass(frozen=True)
class Process:
    """supervisord's view of one service; ``started`` in Unix seconds, ``priority`` is its level in the start order."""

    name: str
    state: str
    pid: int
    started: int
    priority: int
    reason: str


def socket_path() -> Path:
    """supervisord's socket; in the temporary directory where the stack's own is too deep for a socket."""
    path = settings().var / "run" / "supervisor.sock"
    if len(str(path).encode()) <= LONGEST_SOCKET_PATH:
        return path
    return Path(gettempdir()) / f"stack-{sha256(str(path).encode()).hexdigest()[:12]}" / "supervisor.sock"


class _Connection(http.client.HTTPConnection):
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(socket_path()))


class _Transport(xmlrpc.client.Transport):
    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        return _Connection("localhost", timeout=30)


class Control:
    """One supervisord. Every method opens its own connection, so threads may share an object."""

    @property
    def _rpc(self) -> Any:
        return xmlrpc.client.ServerProxy("http://localhost", transport=_Transport(), allow_none=True).supervisor

    def running(self) -> bool:
        return self._state() == "RUNNING"

    def ending(self) -> bool:
        """It still stops its services, and answers nothing else meanwhile."""
        return self._state() == "SHUTDOWN_STATE"

    def _state(self) -> str:
        """Empty where nobody answers."""
        try:
            return str(self._rpc.getState()["statename"])
        except xmlrpc.client.Fault as fault:
            return fault.faultString
        except (OSError, http.client.HTTPException):
            return ""

    def pid(self) -> int:
        return int(self._rpc.getPID())

    def processes(self) -> dict[str, Process]:
        """All services that supervisord knows, by name; one that the configuration no longer has is of level 0."""
        priority = {each["name"]: each["process_prio"] for each in self._rpc.getAllConfigInfo()}
        return {
            each["name"]: Process(
                each["name"], each["statename"], each["pid"], each["start"], priority.get(each["name"], 0), each["spawnerr"] or ""
            )
            for each in self._rpc.getAllProcessInfo()
        }

    def process(self, name: str) -> Process:
        return self.processes()[name]

    def start(self, name: str) -> None:
        """Ask for a start and return; already running is fine."""
        self._ask("startProcess", name, "ALREADY_STARTED")

    def stop(self, name: str) -> None:
        """Ask for a stop and return; not running is fine."""
        self._ask("stopProcess", name, "NOT_RUNNING")

    def _ask(self, method: str, name: str, harmless: str) -> None:
        try:
            getattr(self._rpc, method)(name, False)
        except xmlrpc.client.Fault as fault:
            if not fault.faultString.startswith(harmless):
                raise

    def read_config(self) -> tuple[list[str], list[str], list[str]]:
        """Read the configuration again; the services that were added to it, changed in it and removed from it."""
        added, changed, removed = self._rpc.reloadConfig()[0]
        return added, changed, removed

    def add(self, name: str) -> None:
        """Take up a service as the configuration has it."""
        self._rpc.addProcessGroup(name)

    def remove(self, name: str) -> None:
        """Forget a service, which must have stopped."""
        self._rpc.removeProcessGroup(name)

    def shutdown(self) -> None:
        self._rpc.shutdown()
