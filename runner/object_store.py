"""The lake's object store: MinIO, or any that speaks S3 where MINIO_URL names one."""

from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.error import MinioException

from contracts.settings import Settings, settings
from runner.service import NotReadyError, StackError

ANSWER_SECONDS = 10


def client(s: Settings) -> Minio:
    """As the lake's programs reach it (lakehouse/clients.py)."""
    address = urlsplit(s.url("MINIO"))
    return Minio(
        address.netloc,
        access_key=s.minio.user,
        secret_key=s.minio.password,
        secure=address.scheme == "https",
        region=s.get("S3_REGION", "us-east-1"),
        http_client=urllib3.PoolManager(timeout=ANSWER_SECONDS, retries=urllib3.Retry(total=2, backoff_factor=0.2)),
    )


def answers() -> None:
    """The account may ask for the bucket, whether there is one yet or not; NotReadyError otherwise."""
    try:
        client(settings()).bucket_exists(settings().bucket)
    except (MinioException, urllib3.exceptions.HTTPError) as error:
        raise NotReadyError(_told(error)) from None


def make_bucket() -> None:
    """The lake's, where it is missing."""
    s = settings()
    store = client(s)
    try:
        if not store.bucket_exists(s.bucket):
            store.make_bucket(s.bucket)
    except (MinioException, urllib3.exceptions.HTTPError) as error:
        raise StackError(_told(error)) from None


def _told(error: Exception) -> str:
    s = settings()
    return f"object store at {s.url('MINIO')}, bucket {s.bucket!r}: {(str(error).splitlines() or [type(error).__name__])[0]}"
