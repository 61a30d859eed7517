"""The demo and the batch side where they are ended, or a part of them hangs: one line, and an exit code."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts import settings as module
from contracts.steps import Step
from runner import batch, demo


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Environments whose Python is this one."""
    program = tmp_path / "venvs" / "core" / "bin" / "python"
    program.parent.mkdir(parents=True)
    program.symlink_to(sys.executable)
    monkeypatch.setenv("TOOLS_DIR", str(tmp_path))
    module.settings.cache_clear()
    yield tmp_path
    module.settings.cache_clear()


def test_a_step_that_hangs_stops_those_after_it(tools: Path, capfd: pytest.CaptureFixture[str]):
    hangs = Step("wait", "core", ("-c", "import signal; signal.pause()"), "", minutes=0)
    after = Step("after", "core", ("-c", "print('ran')"), "", minutes=1)
    assert batch.run((hangs, after), {}) == 1
    out, error = capfd.readouterr()
    assert error == "wait did not end within 0 minutes; what follows it was not run\n"
    assert "ran" not in out.splitlines()


@pytest.mark.usefixtures("new_handlers")
@pytest.mark.parametrize("ended", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_ended_says_so(monkeypatch: pytest.MonkeyPatch, ended: signal.Signals):
    monkeypatch.setattr(sys, "argv", ["demo"])
    monkeypatch.setattr(demo.Demo, "run", lambda _: os.kill(os.getpid(), ended))
    told: list[str] = []
    assert demo.main(told.append) == 130
    assert told == ["demo: interrupted; `make status` shows what runs"]


def test_a_generator_that_hangs_ends_the_demo(monkeypatch: pytest.MonkeyPatch):
    def hang(*_: object, timeout: float, **__: object) -> None:
        raise subprocess.TimeoutExpired(["generators"], timeout)

    monkeypatch.setattr(demo.subprocess, "run", hang)
    with pytest.raises(demo.DemoError, match="^generators live did not end within 1800 s$"):
        demo.generate("live")
