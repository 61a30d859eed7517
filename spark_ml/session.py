"""The Spark session with the lake's catalogue. Nothing starts at import."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from contracts.lake import CATALOG
from contracts.settings import ROOT, Settings
from lakehouse.errors import LakeError
from lakehouse.store import s3_region

LOCAL = "local"
LOG_SETTINGS = ROOT / "spark_ml" / "log4j2.properties"
# Below this many rows the optimising compiler costs more than it gives: a job is over before its code is hot.
SMALL_ROWS = 50_000


def configuration(settings: Settings, rows: int) -> dict[str, str]:
    """What the JVM is started with, for an input of so many rows: no secret, since it becomes a command line."""
    jars = sorted((settings.tools / "jars" / "spark").glob("*.jar"))
    if not jars:
        raise LakeError(f"no jars in {settings.tools / 'jars' / 'spark'}: run `make setup`")
    master = settings.get("SPARK_MASTER", "local[2]")
    options = {
        "spark.master": master,
        "spark.driver.memory": settings.get("SPARK_DRIVER_MEMORY", "1g"),
        "spark.driver.bindAddress": settings.bind_address,
        "spark.driver.host": settings.get("SPARK_DRIVER_HOST", settings.bind_address),
        "spark.ui.port": str(settings.port("SPARK_UI")),
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": str(settings.number("SPARK_SHUFFLE_PARTITIONS", 2) if rows >= SMALL_ROWS else 1),
        # Planned anew after each stage, a small query takes a job for each.
        "spark.sql.adaptive.enabled": str(rows >= SMALL_ROWS).lower(),
        "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
        "spark.driver.extraJavaOptions": " ".join(_java_options(rows)),
        "spark.local.dir": str(settings.var / "spark"),
    }
    if master.startswith(LOCAL):
        # On the class path as they lie; executors elsewhere get copies.
        options["spark.driver.extraClassPath"] = os.pathsep.join(map(str, jars))
    else:
        options["spark.jars"] = ",".join(map(str, jars))
    return options


def _java_options(rows: int) -> list[str]:
    options = [f"-Dlog4j2.configurationFile={LOG_SETTINGS.as_uri()}", "-XX:+UseSerialGC"]
    return [*options, "-XX:TieredStopAtLevel=1"] if rows < SMALL_ROWS else options


def catalog_options(settings: Settings) -> dict[str, str]:
    """The lake's catalogue for the session; holds secrets."""
    prefix = f"spark.sql.catalog.{CATALOG}"
    account = settings.postgres_account("iceberg")
    options = {
        "type": "jdbc",
        "uri": f"jdbc:postgresql://{settings.address('POSTGRES')}/iceberg",
        "jdbc.user": account.user,
        "jdbc.password": account.password,
        "jdbc.schema-version": "V1",
        "warehouse": settings.warehouse,
        "io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
        "s3.endpoint": settings.url("MINIO"),
        "s3.path-style-access": "true",
        "s3.access-key-id": settings.minio.user,
        "s3.secret-access-key": settings.minio.password,
        "client.region": s3_region(settings),
    }
    return {prefix: "org.apache.iceberg.spark.SparkCatalog", **{f"{prefix}.{name}": value for name, value in options.items()}}


@contextmanager
def session(settings: Settings, name: str, rows: int = SMALL_ROWS) -> Iterator[SparkSession]:
    """A session for an input of about ``rows`` rows; stops with the block. LakeError for what Spark raises inside it."""
    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    os.environ.setdefault("SPARK_LOCAL_IP", settings.bind_address)
    # The catalogue is loaded at its first use, so what is set on the running session is early enough.
    builder = SparkSession.builder.appName(name).config(map=configuration(settings, rows))
    spark = builder.getOrCreate()
    try:
        for key, value in catalog_options(settings).items():
            spark.conf.set(key, value)
        yield spark
    except (PySparkException, Py4JError) as error:
        raise LakeError(f"Spark: {_cause(error)}") from error
    finally:
        spark.stop()


def _cause(error: Exception) -> str:
    """The line that says what happened: the JVM's own, not the call that it happened in."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    return (causes or [line.removeprefix(": ") for line in lines if line.startswith(": ")] or lines or [type(error).__name__])[-1]
