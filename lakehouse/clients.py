"""Clients of the catalogue, the object store and the warehouse. Each says where it found nobody."""

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from pyiceberg.catalog.sql import SqlCatalog
from sqlalchemy.exc import SQLAlchemyError

from contracts.lake import CATALOG, MARTS_NAMESPACE, ML_NAMESPACE
from contracts.settings import Settings
from lakehouse.errors import LakeError, one_line
from lakehouse.store import CONNECT_SECONDS, REQUEST_SECONDS, object_store, s3_region

__all__ = ["catalog", "object_store", "warehouse"]

QUERY_SECONDS = 600


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
