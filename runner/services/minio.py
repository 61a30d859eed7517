"""MinIO: the object store of the lake."""

from contracts.settings import Settings
from runner import probes
from runner.service import Page, Part, Service, Step


def service(s: Settings) -> Part:
    """Where MINIO_URL names a store elsewhere, only the wait for it."""
    if s.values.get("MINIO_URL"):
        # MinIO's page of health is no other store's.
        ready = probes.object_store
        return Step("minio", probes.until(ready, f"the object store at {s.url('MINIO')}"), check=ready)
    data, account, binary = s.var / "minio", s.minio, s.tools / "bin" / "minio"
    return Service(
        name="minio",
        command=(
            str(binary),
            "server",
            "--quiet",
            f"--address={s.address('MINIO')}",
            f"--console-address={s.address('MINIO_CONSOLE')}",
            f"--certs-dir={s.var / 'etc' / 'minio-certs'}",
            str(data),
        ),
        environment={
            "MINIO_ROOT_USER": account.user,
            "MINIO_ROOT_PASSWORD": account.password,
            "MINIO_UPDATE": "off",
            "MINIO_BROWSER_REDIRECT": "false",
        },
        ports=("MINIO", "MINIO_CONSOLE"),
        needs=(binary,),
        ready=probes.http_ok(f"{s.url('MINIO')}/minio/health/ready"),
        prepare=lambda: data.mkdir(parents=True, exist_ok=True),
        page=Page("MinIO: files of the lake", s.url("MINIO_CONSOLE"), f"{account.user} / MINIO_ROOT_PASSWORD"),
        memory_mb=300,
    )
