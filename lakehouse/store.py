"""The lake's object store: MinIO, or any that speaks S3 where MINIO_URL names one.

Apart from the other clients, since what starts the stack asks it too and has none of them installed.
"""

from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.error import MinioException

from contracts.settings import Settings
from lakehouse.errors import LakeError, one_line

CONNECT_SECONDS = 5
REQUEST_SECONDS = 60


def s3_region(settings: Settings) -> str:
    return settings.get("S3_REGION", "us-east-1")


def client(settings: Settings, request_seconds: float = REQUEST_SECONDS) -> Minio:
    """Asks nothing yet."""
    address = urlsplit(settings.url("MINIO"))
    pool = urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=request_seconds), retries=urllib3.Retry(total=3, backoff_factor=0.2)
    )
    return Minio(
        address.netloc,
        access_key=settings.minio.user,
        secret_key=settings.minio.password,
        secure=address.scheme == "https",
        region=s3_region(settings),
        http_client=pool,
    )


def has_bucket(settings: Settings, store: Minio) -> bool:
    """LakeError where the store does not answer or does not know the account."""
    try:
        return store.bucket_exists(settings.bucket)
    except (MinioException, urllib3.exceptions.HTTPError) as error:
        raise LakeError(_told(settings, error)) from None


def object_store(settings: Settings) -> Minio:
    """The store with the lake's bucket, created where it is missing; LakeError where it does not answer."""
    store = client(settings)
    if not has_bucket(settings, store):
        try:
            store.make_bucket(settings.bucket)
        except (MinioException, urllib3.exceptions.HTTPError) as error:
            raise LakeError(_told(settings, error)) from None
    return store


def _told(settings: Settings, error: Exception) -> str:
    return f"object store at {settings.url('MINIO')}, bucket {settings.bucket!r}: {one_line(error)}"
