"""Install items side by side and show how far each is."""

import os
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from contracts.settings import ROOT
from runner.setup.item import Item, SetupError

SHOWN_LINES = 15


class Commands:
    """Runs commands for one or more items at once and can end those still running."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self._running: set[subprocess.Popen[bytes]] = set()
        self._guard = threading.Lock()
        self._stopped = False
        logs.mkdir(parents=True, exist_ok=True)

    def log(self, name: str) -> Path:
        return self.logs / f"setup-{name}.log"

    def run(self, log: Path, command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> None:
        """Run a command with its output appended to a log; SetupError where it cannot start or fails."""
        words = [str(word) for word in command]
        with log.open("ab") as output:
            output.write(f"$ {' '.join(words)}\n".encode())
            output.flush()
            with self._guard:
                if self._stopped:
                    raise SetupError("interrupted")
                process = self._start(words, {**os.environ, **(env or {})}, output.fileno())
            try:
                status = process.wait()
            except BaseException:
                process.terminate()
                process.wait()
                raise
            finally:
                with self._guard:
                    self._running.discard(process)
        if status:
            program = words[3] if words[0] == "nice" else words[0]
            raise SetupError(f"{Path(program).name} ended with status {status}")

    def _start(self, words: list[str], env: Mapping[str, str], output: int) -> subprocess.Popen[bytes]:
        try:
            process = subprocess.Popen(
                words, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
        except OSError as error:
            raise SetupError(f"{words[0]} cannot be started: {error.strerror}") from None
        self._running.add(process)
        return process

    def stop(self) -> None:
        with self._guard:
            self._stopped = True
            for process in self._running:
                process.terminate()


@dataclass
class Progress:
    """State of one item; the thread that installs it writes, the display reads."""

    item: Item
    started: float = field(default_factory=time.monotonic)
    ended: float = 0
    error: str = ""

    @property
    def seconds(self) -> int:
        return round((self.ended or time.monotonic()) - self.started)

    @property
    def state(self) -> str:
        if not self.ended:
            return "installing"
        return "failed" if self.error else "done"

    def install(self, commands: Commands) -> None:
        log = commands.log(self.item.name)
        log.write_bytes(b"")
        try:
            self.item.install(lambda command, env=None: commands.run(log, command, env))
        except SetupError as error:
            self.error = str(error)
        except OSError as error:
            self.error = f"{error.filename or log}: {error.strerror}"
        except Exception as error:
            self.error = f"{type(error).__name__}: {error}"
            with log.open("a") as output:
                traceback.print_exc(file=output)
        finally:
            self.ended = time.monotonic()


def install_all(wanted: Sequence[Item], commands: Commands, output: TextIO = sys.stdout) -> list[Progress]:
    """Install everything at once, the ones that fail included, and return how each went."""
    all_progress = [Progress(item) for item in wanted]
    threads = [threading.Thread(target=progress.install, args=(commands,), name=progress.item.name) for progress in all_progress]
    display = Display(all_progress, output)
    try:
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            display.refresh()
            for thread in threads:
                thread.join(0.2 / len(threads))
    except BaseException:
        commands.stop()
        for thread in threads:
            if thread.ident:
                thread.join()
        raise
    display.refresh()
    return all_progress


class Display:
    """On a terminal a line per item, rewritten in place; elsewhere a line when an item starts and when it ends."""

    def __init__(self, shown: Sequence[Progress], output: TextIO) -> None:
        self.shown, self.output = shown, output
        self.terminal = output.isatty()
        self.printed: dict[str, str] = {}

    def refresh(self) -> None:
        if self.terminal:
            up = f"\x1b[{len(self.printed)}A" if self.printed else ""
            self.output.write(up + "".join(f"\x1b[2K  {line(progress)}\n" for progress in self.shown))
        for progress in self.shown:
            if not self.terminal and self.printed.get(progress.item.name) != progress.state:
                self.output.write(f"  {line(progress)}\n")
            self.printed[progress.item.name] = progress.state
        self.output.flush()


def line(progress: Progress) -> str:
    reason = f"  {progress.error}" if progress.error else ""
    return f"{progress.item.name:<12}{progress.state:<12}{progress.seconds:>4} s{reason}"


def last_lines(path: Path, count: int = SHOWN_LINES) -> list[str]:
    return path.read_text(errors="replace").splitlines()[-count:] if path.exists() else []
