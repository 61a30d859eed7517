"""Become one service: ``python -m runner.launch kafka`` computes command and environment, then execs.

supervisord's configuration so holds no secret, and no wrapper process is left between it and the service.
"""

import os
import resource
import sys
from collections.abc import Mapping

from contracts.settings import OPTIONAL_SECRETS, ROOT, SECRETS, SettingsError, env_file, settings
from runner.processes import MARKER
from runner.service import Service, StackError
from runner.services import services


def environment(service: Service, inherited: Mapping[str, str]) -> dict[str, str]:
    """The service's variables over the inherited ones, of which only programs of this checkout keep the secrets."""
    s = settings()
    hidden = () if service.knows_settings else (*SECRETS, *OPTIONAL_SECRETS)
    kept = {name: value for name, value in inherited.items() if name not in hidden}
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "TZ": "UTC",
        "VAR_DIR": str(s.var),
        "TOOLS_DIR": str(s.tools),
        "ENV_FILE": str(env_file()),
        MARKER: str(s.var),
        **service.environment,
    }


def become(service: Service) -> None:
    """Replace this process by the service's."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    os.chdir(service.directory)
    try:
        os.execvpe(service.command[0], service.command, environment(service, os.environ))
    except OSError as error:
        sys.exit(f"{service.name}: cannot run {service.command[0]}: {error.strerror}")


def main() -> None:
    name = sys.argv[1]
    try:
        service = services()[name]
    except (SettingsError, StackError) as error:
        sys.exit(f"{name}: {error}")
    become(service)


if __name__ == "__main__":
    main()
