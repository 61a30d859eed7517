"""Clients of the catalogue, the object store and the warehouse. Each says where it found nobody."""

import clickhouse_connect
import urllib3
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from minio import Minio
from minio.error import MinioException
from pyiceberg.catalog.sql import SqlCatalog
from sqlalchemy.exc import SQLAlchemyError

from contracts.lake import CATALOG, MARTS_NAMESPACE, ML_NAMESPACE
from contracts.settings import Settings
from lakehouse.errors import LakeError, one_line

CONNECT_SECONDS = 5
REQUEST_SECONDS = 60
QUERY_SECONDS = 600


def s3_region(settings: Settings) -> str:
    return settings.get("S3_REGION", "us-east-1")


def object_store(settings: Settings) -> Minio:
    """MinIO with the lake's bucket, created where it is missing; LakeError where MinIO does not answer."""
    endpoint = settings.url("MINIO")
    pool = urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=REQUEST_SECONDS), retries=urllib3.Retry(total=3, backoff_factor=0.2)
    )
    store = Minio(
        endpoint.split("://")[-1],
        access_key=settings.minio.user,
        secret_key=settings.minio.password,
        secure=endpoint.startswith("https://"),
        region=s3_region(settings),
        http_client=pool,
    )
    try:
        if not store.bucket_exists(settings.bucket):
            store.make_bucket(settings.bucket)
    except (MinioException, urllib3.exceptions.HTTPError) as error:
        raise LakeError(f"object store at {endpoint}, bucket {settings.bucket!r}: {one_line(error)}") from None
    return store


def catalog(settings: Settings) -> SqlCatalog:
    """The Iceberg catalogue with its namespaces; LakeError where Postgres does not answer."""
    try:
        lake = SqlCatalog(
            CATALOG,
            **{
                "uri": settings.postgres_dsn("iceberg").replace("postgresql://", "postgresql+psycopg2://", 1),
                "warehouse": settings.warehouse,
                "s3.endpoint": settings.url("MINIO"),
                "s3.access-key-id": settings.minio.user,
                "s3.secret-access-key": settings.minio.password,
                "s3.region": s3_region(settings),
                "s3.force-virtual-addressing": "false",
                "s3.connect-timeout": str(CONNECT_SECONDS),
                "s3.request-timeout": str(REQUEST_SECONDS),
            },
        )
        for namespace in (MARTS_NAMESPACE, ML_NAMESPACE):
            lake.create_namespace_if_not_exists(namespace)
    except SQLAlchemyError as error:
        raise LakeError(f"Iceberg catalogue in Postgres at {settings.address('POSTGRES')}: {one_line(error)}") from None
    return lake


def warehouse(settings: Settings) -> Client:
    """ClickHouse; LakeError where it does not answer or refuses the login."""
    account = settings.clickhouse
    address = settings.url("CLICKHOUSE")
    try:
        return clickhouse_connect.get_client(
            dsn=address,
            username=account.user,
            password=account.password,
            connect_timeout=CONNECT_SECONDS,
            send_receive_timeout=QUERY_SECONDS,
            autogenerate_session_id=False,
        )
    except ClickHouseError as error:
        raise LakeError(f"ClickHouse at {address}: {one_line(error)}") from None
