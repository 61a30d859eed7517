"""Write what the env file lacks: random secrets, readable by its owner alone."""

import base64
import os
import secrets
import threading
from pathlib import Path

from contracts.settings import SECRETS, env_file, read_env_file, settings


def random_secret(name: str) -> str:
    """Letters and digits only, since secrets become parts of addresses; Airflow's Fernet key has its own format."""
    if name == "AIRFLOW_FERNET_KEY":
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return secrets.token_hex(24)


def write_missing(path: Path) -> list[str]:
    """Add the secrets that neither the file nor the environment holds; returns their names. Never changes a line."""
    known = {**read_env_file(path), **os.environ}
    missing = [name for name in SECRETS if not known.get(name)]
    if missing:
        old = (
            path.read_text()
            if path.exists()
            else "# Settings of this checkout. Secrets are random; keep this file to yourself.\n"
        )
        new = old + ("" if old.endswith("\n") else "\n") + "".join(f"{name}={random_secret(name)}\n" for name in missing)
        write_private(path, new)
        settings.cache_clear()
    return missing


def write_private(path: Path, text: str) -> None:
    """Replace a file at once by one of mode 0600."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    temporary.replace(path)


def main() -> None:
    added = write_missing(env_file())
    print(f"{env_file()}: {f'{len(added)} secrets written' if added else 'complete'}")
