"""The project's images as commands of ``docker build``, which BuildKit serves with and without its separate component.

Compose's own build takes that component in any case. DOCKER_BUILD_SECRETS="ca=/etc/ssl/certs/ca-certificates.crt,pip=…"
names files for the optional secrets of docker/Dockerfile.
"""

from pathlib import Path

from contracts.settings import Settings, SettingsError


def build_secrets(s: Settings) -> list[str]:
    """Options of ``docker build``; SettingsError names an entry that is no file."""
    options = []
    for entry in filter(None, s.get("DOCKER_BUILD_SECRETS", "").replace(",", " ").split()):
        name, _, path = entry.partition("=")
        if not Path(path).is_file():
            raise SettingsError(f"DOCKER_BUILD_SECRETS: {entry!r} is not name=file")
        options.append(f"--secret=id={name},src={path}")
    return options


def build_commands(project: dict, s: Settings) -> dict[str, list[str]]:
    """By image, from the compose file as Compose reads it."""
    builds = {service["image"]: service["build"] for service in project["services"].values() if "build" in service}
    return {image: build_command(image, build, build_secrets(s)) for image, build in builds.items()}


def build_command(image: str, build: dict, options: list[str]) -> list[str]:
    arguments = [f"--build-arg={name}={value}" for name, value in sorted(build.get("args", {}).items())]
    place = (f"--file={build['dockerfile']}", f"--target={build['target']}", f"--tag={image}")
    return ["docker", "build", *place, *arguments, *options, build["context"]]
