"""Setup: what is taken for whole, what is refused, what is said when something fails."""

import fcntl
import hashlib
import importlib
import io
import re
import subprocess
import sys
import threading
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from contracts.settings import ROOT, Settings
from runner.setup import environments, item, jars, minio, prerequisites
from runner.setup.item import Item, SetupError
from runner.setup.progress import Commands, install_all, last_lines

setup = importlib.import_module("runner.setup.__main__")

PIN = re.compile(r"^([a-z0-9._-]+)(?:\[[a-z0-9,_-]+\])?==\S+ \\$", re.MULTILINE)
COMPILED = [*environments.ENVIRONMENTS, "uv"]


def pinned(name: str) -> set[str]:
    return set(PIN.findall(environments.pins(name).read_text()))


def asked_for(name: str) -> set[str]:
    lines = (environments.REQUIREMENTS / f"{name}.in").read_text().splitlines()
    found = (re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", line) for line in lines)
    return {match[0].lower().replace("_", "-") for match in found if match}


# --- pins


@pytest.mark.parametrize("name", COMPILED)
def test_every_requirement_is_pinned(name: str) -> None:
    assert asked_for(name)
    assert asked_for(name) <= pinned(name)


@pytest.mark.parametrize("name", COMPILED)
def test_every_pin_has_a_hash_and_no_address(name: str) -> None:
    text = environments.pins(name).read_text()
    blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(blocks) == len(pinned(name))
    assert all("--hash=sha256:" in block for block in blocks)
    assert "://" not in text
    assert not re.search(r"^\s*(-i|-f|--index-url|--extra-index-url|--find-links)\b", text, re.MULTILINE)


def test_developers_have_what_the_runner_has() -> None:
    versions = {
        name: dict(re.findall(r"^([a-z0-9._-]+)\S*==(\S+)", environments.pins(name).read_text(), re.M))
        for name in ("core", "dev")
    }
    assert versions["core"]
    assert versions["core"].items() <= versions["dev"].items()


# --- environments


class Recorder:
    """Stands for ``Run``: keeps the commands and does what the test says."""

    def __init__(self, act: Callable[[list[str]], None] = lambda command: None) -> None:
        self.commands: list[list[str]] = []
        self.act = act

    def __call__(self, command: Sequence[str | Path], env: object = None) -> None:
        words = [str(word) for word in command]
        self.commands.append(words)
        self.act(words)


def make_python(command: list[str]) -> None:
    """What ``uv venv`` leaves behind."""
    if command[1] == "venv":
        python = Path(command[-1]) / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.touch()


@pytest.fixture
def requirements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "requirements"
    directory.mkdir()
    (directory / "core.txt").write_text("first\n")
    monkeypatch.setattr(environments, "REQUIREMENTS", directory)
    monkeypatch.setattr(environments, "pip_index", dict)
    return directory


def test_an_installed_environment_is_whole_until_its_pins_change(tmp_path: Path, requirements: Path) -> None:
    venv = tmp_path / "core"
    assert not environments.installed("core", venv)
    environments.install("core", venv, Path("uv"), Recorder(make_python))
    assert environments.installed("core", venv)
    (requirements / "core.txt").write_text("second\n")
    assert not environments.installed("core", venv)


def test_an_environment_is_not_whole_elsewhere_or_without_its_python(tmp_path: Path, requirements: Path) -> None:
    venv = tmp_path / "core"
    environments.install("core", venv, Path("uv"), Recorder(make_python))
    assert not environments.installed("core", venv.rename(tmp_path / "moved"))
    (tmp_path / "moved").rename(venv)
    assert environments.installed("core", venv)
    (venv / "bin" / "python").unlink()
    assert not environments.installed("core", venv)


def test_a_failed_installation_is_not_whole_and_starts_anew(tmp_path: Path, requirements: Path) -> None:
    venv = tmp_path / "core"
    run = Recorder(make_python)
    environments.install("core", venv, Path("uv"), run)
    (requirements / "core.txt").write_text("second\n")

    def fail(command: list[str]) -> None:
        raise SetupError("uv ended with status 1")

    with pytest.raises(SetupError):
        environments.install("core", venv, Path("uv"), Recorder(fail))
    (venv / "half").touch()
    assert not environments.installed("core", venv)
    environments.install("core", venv, Path("uv"), run)
    assert environments.installed("core", venv)
    assert not (venv / "half").exists()


def test_changed_pins_are_brought_into_the_environment_there_is(tmp_path: Path, requirements: Path) -> None:
    venv, run = tmp_path / "core", Recorder(make_python)
    environments.install("core", venv, Path("uv"), run)
    (requirements / "core.txt").write_text("second\n")
    environments.install("core", venv, Path("uv"), run)
    assert [command[1] for command in run.commands] == ["venv", "pip", "pip"]
    assert all("--require-hashes" in command for command in run.commands if command[1] == "pip")


def test_pips_index_is_handed_to_uv() -> None:
    lines = [
        "global.index-url='https://one.invalid/simple'",
        "global.timeout='3'",
        ":env:.index-url='https://two.invalid/simple'",
    ]
    assert environments.parse_pip_index(lines) == {"UV_DEFAULT_INDEX": "https://two.invalid/simple"}
    several = ["global.extra-index-url='\\nhttps://a.invalid\\nhttps://b.invalid'"]
    assert environments.parse_pip_index(several) == {"UV_INDEX": "https://a.invalid https://b.invalid"}
    assert environments.parse_pip_index(["global.cert='x'", ""]) == {}


def test_uvs_own_index_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "pip_index", lambda: {"UV_DEFAULT_INDEX": "pip"})
    assert "UV_DEFAULT_INDEX" not in environments.index_settings({"UV_DEFAULT_INDEX": "own"})
    assert environments.index_settings({"UV_HTTP_TIMEOUT": "5"}) == {"UV_HTTP_TIMEOUT": "5", "UV_DEFAULT_INDEX": "pip"}


# --- jars


@pytest.fixture
def jar_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two groups of one jar each, whose contents are their names."""
    listed, checked = tmp_path / "jars.toml", tmp_path / "jars.sha256"
    listed.write_text('[kafka]\nwith_dependencies = true\nartifacts = ["g:kafka:1"]\n["plugins/x"]\nartifacts = ["g:x:2"]\n')
    names = ("kafka/kafka-1.jar", "plugins/x/x-2.jar")
    checked.write_text("".join(f"{hashlib.sha256(name.encode()).hexdigest()}  {name}\n" for name in names))
    monkeypatch.setattr(jars, "LIST", listed)
    monkeypatch.setattr(jars, "CHECKSUMS", checked)
    monkeypatch.setattr(jars.groups, "__defaults__", (listed,))
    monkeypatch.setattr(jars.read_checksums, "__defaults__", (checked,))
    monkeypatch.setattr(jars.write_checksums, "__defaults__", (checked,))
    return listed


def maven(contents: dict[str, str]) -> Recorder:
    """Stands for Maven: copies files to where the project says."""

    def copy(command: list[str]) -> None:
        project = ET.parse(command[command.index("--file") + 1])
        directories = [Path(element.text or "") for element in project.iterfind(".//outputDirectory")]
        for name, content in contents.items():
            directory = next(path for path in directories if path.as_posix().endswith(name.rpartition("/")[0]))
            directory.mkdir(parents=True, exist_ok=True)
            (directory / name.rpartition("/")[2]).write_text(content)

    return Recorder(copy)


GOOD = {"kafka/kafka-1.jar": "kafka/kafka-1.jar", "plugins/x/x-2.jar": "plugins/x/x-2.jar"}


def test_jars_are_installed_once_checked(tmp_path: Path, jar_list: Path) -> None:
    tools = tmp_path / "tools"
    run = maven(GOOD)
    jars.install(tools, run)
    assert jars.installed(tools)
    assert "--strict-checksums" in run.commands[0]
    assert (tools / "jars" / "plugins" / "x" / "x-2.jar").read_text() == "plugins/x/x-2.jar"
    assert sorted(path.name for path in tools.iterdir()) == ["jars"]


@pytest.mark.parametrize(
    ("contents", "said"),
    [
        ({**GOOD, "kafka/kafka-1.jar": "forged"}, "kafka/kafka-1.jar has another checksum"),
        ({**GOOD, "kafka/more-1.jar": "more"}, "kafka/more-1.jar is not listed"),
        ({"kafka/kafka-1.jar": "kafka/kafka-1.jar"}, "plugins/x/x-2.jar is missing"),
    ],
)
def test_other_jars_are_refused_and_the_old_ones_stay(
    tmp_path: Path, jar_list: Path, contents: dict[str, str], said: str
) -> None:
    tools = tmp_path / "tools"
    with pytest.raises(SetupError, match=said):
        jars.install(tools, maven(contents))
    assert not jars.installed(tools)
    jars.install(tools, maven(GOOD))
    with pytest.raises(SetupError, match=said):
        jars.install(tools, maven(contents))
    assert jars.installed(tools)


def test_a_changed_list_of_jars_is_installed_again(tmp_path: Path, jar_list: Path) -> None:
    tools = tmp_path / "tools"
    jars.install(tools, maven(GOOD))
    jar_list.write_text(jar_list.read_text() + "# changed\n")
    assert not jars.installed(tools)
    jars.install(tools, maven(GOOD))
    assert jars.installed(tools)


def test_renewed_checksums_are_those_of_what_maven_delivers(tmp_path: Path, jar_list: Path) -> None:
    tools = tmp_path / "tools"
    jars.renew(tools, maven({**GOOD, "kafka/kafka-1.jar": "newer"}))
    assert jars.read_checksums()["kafka/kafka-1.jar"] == hashlib.sha256(b"newer").hexdigest()
    assert not any(tools.iterdir())


def test_the_committed_checksums_cover_the_committed_list() -> None:
    names = jars.read_checksums()
    listed = [(group.name, artifact.split(":")) for group in jars.groups() for artifact in group.artifacts]
    assert {f"{group}/{artifact}-{version}.jar" for group, (_, artifact, version) in listed} <= names.keys()
    assert {name.rpartition("/")[0] for name in names} == {group for group, _ in listed}
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in names.values())


def test_the_project_for_maven_names_what_is_listed_and_no_repository() -> None:
    project = ET.fromstring(jars.pom(jars.groups(), Path("/there")))
    named = {element.text for element in project.iterfind(".//artifactId")}
    assert {artifact.split(":")[1] for group in jars.groups() for artifact in group.artifacts} <= named
    assert not list(project.iterfind(".//repository"))


@pytest.mark.parametrize("artifact", ["a:b", "a:b:", "a:b:1:jar"])
def test_an_artifact_that_is_none_is_named(artifact: str) -> None:
    with pytest.raises(SetupError, match=re.escape(repr(artifact))):
        jars.coordinates(artifact)


# --- MinIO


def test_minio_is_whole_only_with_its_version(tmp_path: Path) -> None:
    def build(command: list[str]) -> None:
        (tmp_path / "bin.building").mkdir()
        (tmp_path / "bin.building" / "minio").write_text("new")

    run = Recorder(build)
    minio.install(tmp_path, run)
    assert minio.installed(tmp_path)
    assert run.commands[0][-1].endswith(f"@{minio.VERSION}")
    (tmp_path / "bin" / "minio.version").write_text("v0.0.0-older")
    assert not minio.installed(tmp_path)
    minio.install(tmp_path, run)
    (tmp_path / "bin" / "minio").unlink()
    assert not minio.installed(tmp_path)


# --- prerequisites


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('openjdk version "17.0.15" 2025-04-15', ""),
        ('openjdk version "21" 2023-09-19', ""),
        ('java version "1.8.0_202"', "java is version 1"),
        ('openjdk version "25.0.1"', "java is version 25"),
        ("", "missing"),
    ],
)
def test_java_versions(text: str, said: str) -> None:
    problem = prerequisites.java_version_problem(text)
    assert said in problem
    assert bool(said) == bool(problem)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("go version go1.24.0 linux/amd64", ""),
        ("go version go2.0 linux/amd64", ""),
        ("go version go1.19.8 linux/amd64", "go is version 1.19"),
        ("go version go1.9 linux/amd64", "go is version 1.9"),
        ("", "go 1.24 or newer is missing"),
    ],
)
def test_go_versions(text: str, said: str) -> None:
    problem = prerequisites.go_version_problem(text)
    assert said in problem
    assert bool(said) == bool(problem)


@pytest.fixture
def lacking(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Tools that the machine lacks: mvn, which apt has, and go, which it has not."""
    gone = {"mvn", "go"}

    def tool(name: str, packages: tuple[str, ...]) -> prerequisites.Tool:
        return prerequisites.Tool(lambda: f"{name} is missing" if name in gone else "", packages)

    monkeypatch.setattr(
        prerequisites, "TOOLS", {"mvn": tool("mvn", ("maven",)), "go": tool("go", ()), "make": tool("make", ("make",))}
    )
    return gone


def test_without_root_one_line_names_everything_missing(lacking: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prerequisites.os, "geteuid", lambda: 1000)
    run = Recorder()
    with pytest.raises(SetupError) as caught:
        prerequisites.ensure_tools(["mvn", "go", "make"], run)
    assert str(caught.value) == "mvn is missing; go is missing; install with: apt-get install maven"
    assert not run.commands


def test_root_installs_what_apt_has(lacking: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prerequisites.os, "geteuid", lambda: 0)
    monkeypatch.setattr(prerequisites.shutil, "which", lambda name: f"/usr/bin/{name}")
    run = Recorder(lambda command: lacking.discard("mvn"))
    with pytest.raises(SetupError, match="^go is missing$"):
        prerequisites.ensure_tools(["mvn", "go", "make"], run)
    assert [command[1] for command in run.commands] == ["update", "install"]
    assert "maven" in run.commands[1]
    lacking.clear()
    prerequisites.ensure_tools(["mvn", "go", "make"], run)


def test_too_little_memory_or_disk_is_said_with_its_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prerequisites, "available_mb", lambda: 4000)
    known = Settings({"TOOLS_DIR": str(tmp_path / "not" / "yet"), "SETUP_DISK_MB": str(10**12)})
    with pytest.raises(SetupError, match=r"4000 MB .* needs 10000 MB .*SETUP_MEMORY_MB"):
        prerequisites.check_memory(known)
    prerequisites.check_memory(Settings({"SETUP_MEMORY_MB": "3000"}))
    with pytest.raises(SetupError, match=f"at {tmp_path}, {10**12} MB .*SETUP_DISK_MB"):
        prerequisites.check_disk(known, 12)
    prerequisites.check_disk(Settings({"TOOLS_DIR": str(tmp_path), "SETUP_DISK_MB": "1"}), 10**9)


# --- side by side


def item_of(name: str, install: Callable[[item.Run], None]) -> Item:
    return Item(name, installed=lambda: False, install=install)


def test_items_are_installed_at_the_same_time(tmp_path: Path) -> None:
    together = threading.Barrier(3, timeout=30)
    items = [item_of(name, lambda run: (together.wait(), None)[1]) for name in "abc"]
    assert [progress.state for progress in install_all(items, Commands(tmp_path), io.StringIO())] == ["done"] * 3


def test_a_failure_is_named_its_log_kept_and_the_others_finish(tmp_path: Path) -> None:
    said = "import sys; print('first'); print('last words', file=sys.stderr); sys.exit(3)"
    items = [
        item_of("bad", lambda run: run([sys.executable, "-c", said])),
        item_of("absent", lambda run: run(["/nowhere/program"])),
        item_of("good", lambda run: run([sys.executable, "-c", ""])),
    ]
    output, commands = io.StringIO(), Commands(tmp_path)
    bad, absent, good = install_all(items, commands, output)
    assert (bad.state, absent.state, good.state) == ("failed", "failed", "done")
    assert bad.error.endswith("ended with status 3")
    assert "/nowhere/program" in absent.error
    assert last_lines(commands.log("bad"), 2) == ["first", "last words"]
    assert re.search(r"^  bad +installing", output.getvalue(), re.MULTILINE)
    assert re.search(r"^  bad +failed .*status 3$", output.getvalue(), re.MULTILINE)
    assert re.search(r"^  good +done", output.getvalue(), re.MULTILINE)


def test_an_error_that_nobody_foresaw_is_a_failure(tmp_path: Path) -> None:
    def install(_: item.Run) -> None:
        raise ValueError("no such checksum")

    (progress,) = install_all([item_of("bad", install)], Commands(tmp_path), io.StringIO())
    assert (progress.state, progress.error) == ("failed", "ValueError: no such checksum")
    assert "Traceback" in (tmp_path / "setup-bad.log").read_text()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_the_lines_are_rewritten(tmp_path: Path) -> None:
    items = [item_of(name, lambda run: run([sys.executable, "-c", ""])) for name in ("one", "two")]
    output = Terminal()
    install_all(items, Commands(tmp_path), output)
    frames = output.getvalue().split("\x1b[2A")
    assert len(frames) > 1
    assert frames[-1].count("\n") == 2
    assert frames[-1].count("done") == 2


def test_an_interruption_ends_the_commands(tmp_path: Path) -> None:
    started = tmp_path / "started"
    forever = f"import pathlib, signal; pathlib.Path({str(started)!r}).touch(); signal.pause()"

    class Interrupted(io.StringIO):
        def flush(self) -> None:
            if started.exists():
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        install_all([item_of("long", lambda run: run([sys.executable, "-c", forever]))], Commands(tmp_path), Interrupted())


# --- the command


def test_names_select_and_none_is_everything_that_running_takes(tmp_path: Path) -> None:
    items = setup.catalogue(tmp_path)
    usual = {"minio", "jars", *environments.ENVIRONMENTS} - {"dev", "synth"}
    assert {chosen.name for chosen in setup.select(items, [])} == usual
    assert {chosen.name for chosen in setup.select(items, ["all", "dev", "chromium"])} == {*usual, "dev"}
    assert {chosen.name for chosen in setup.select(items, ["compose", "synth"])} == {"compose", "synth"}
    assert {chosen.name for chosen in setup.select(items, ["flink", "core"])} == {"core", "flink"}
    assert setup.select(items, ["chromium"]) == []


def test_a_library_that_is_missing_is_told_from_one_that_loads() -> None:
    assert prerequisites.loads("libc.so.6") and not prerequisites.loads("libnowhere.so.1")


def test_every_need_is_a_known_tool(tmp_path: Path) -> None:
    needs = {need for chosen in setup.catalogue(tmp_path).values() for need in chosen.needs}
    assert needs
    assert {*needs, *prerequisites.ALWAYS} <= prerequisites.TOOLS.keys()


def test_the_lock_keeps_others_out(tmp_path: Path) -> None:
    with setup.lock(tmp_path), (tmp_path / "setup.lock").open() as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with (tmp_path / "setup.lock").open() as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def run_setup(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """The command as the Makefile calls it, with a Python that sees no installed package."""
    command = [sys.executable, "-S", "-m", "runner.setup", *words]
    return subprocess.run(command, cwd=ROOT, env={"PATH": "/nowhere", **environ}, capture_output=True, text=True, check=False)


def test_a_bare_machine_gets_one_line_and_a_status(tmp_path: Path) -> None:
    done = run_setup("core", TOOLS_DIR=str(tmp_path / "tools"), ENV_FILE=str(tmp_path / "none"))
    assert done.returncode == 1
    assert done.stderr.startswith("setup: java (17 to 21) is missing; make is missing; unshare is missing; python3.11 is missing")
    assert len(done.stderr.splitlines()) == 1


def test_an_unknown_name_is_refused(tmp_path: Path) -> None:
    done = run_setup("kafka", TOOLS_DIR=str(tmp_path / "tools"))
    assert done.returncode == 2
    assert "'kafka' is none of all, chromium, jars, minio" in done.stderr


def test_a_bad_setting_is_named(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("nonsense\n")
    done = run_setup("core", TOOLS_DIR=str(tmp_path), ENV_FILE=str(tmp_path / "env"))
    assert done.returncode == 1
    assert done.stderr == f"setup: {tmp_path / 'env'}:1: expected NAME=value, found 'nonsense'\n"
