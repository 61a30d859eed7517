"""What makes empty services into this product's stack: roles, schemas, topics, connector, job. Each may run again."""

from pathlib import Path

import clickhouse_connect
import psycopg
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic
from psycopg import sql

from contracts.render_postgres import SHOP_ROLES
from contracts.settings import ROOT, TOOL_ROLES, settings
from contracts.topic_list import TopicSpec, topic_list


def postgres_schema() -> None:
    """Roles with their passwords, the tools' databases, the shop's database with all it holds."""
    s = settings()
    with psycopg.connect(s.postgres_dsn("postgres", "postgres"), autocommit=True) as server:
        server.execute(_script("postgres/1_roles.sql"))
        for role in (*SHOP_ROLES, *TOOL_ROLES):
            # The server gets the salted hash, so no statement log can hold the password.
            password = s.postgres_account(role).password.encode()
            hashed = server.pgconn.encrypt_password(password, role.encode(), b"scram-sha-256").decode()
            server.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(hashed)))
        for database, owner in ((s.postgres_database, "postgres"), *((role, role) for role in TOOL_ROLES)):
            if not server.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone():
                server.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(database), sql.Identifier(owner)))
            server.execute(sql.SQL("REVOKE CONNECT ON DATABASE {} FROM PUBLIC").format(sql.Identifier(database)))
        for role in SHOP_ROLES:
            server.execute(
                sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(s.postgres_database), sql.Identifier(role))
            )
    with psycopg.connect(s.postgres_dsn("postgres"), autocommit=True) as shop:
        for name in ("2_tables", "3_guards", "4_activity", "5_rights", "6_publication"):
            shop.execute(_script(f"postgres/{name}.sql"))


def clickhouse_schema() -> None:
    """Databases and tables; a column that the contracts gained since is added."""
    s = settings()
    client = clickhouse_connect.get_client(
        host=s.host("CLICKHOUSE"), port=s.port("CLICKHOUSE"), username=s.clickhouse.user, password=s.clickhouse.password
    )
    for file in sorted((ROOT / "sql" / "clickhouse").glob("*.sql")):
        for statement in file.read_text().split(";\n"):
            if statement.strip():
                client.command(statement)


def topics() -> None:
    """Topics with their partitions and limits; a topic that is there gets its settings again."""
    s = settings()
    # Up to notices: as information (6) a client that closes counts the answers that nobody waits for any more.
    admin = AdminClient({"bootstrap.servers": s.bootstrap_servers, "log_level": 5})
    specs = topic_list(s)
    wanted = [NewTopic(spec.name, spec.partitions, s.replication, config=spec.config) for spec in specs]
    for name, done in admin.create_topics(wanted, operation_timeout=30).items():
        try:
            done.result()
        except KafkaException as fault:
            if fault.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise RuntimeError(f"topic {name}: {fault.args[0].str()}") from fault
    for done in admin.alter_configs([_resource(spec) for spec in specs if spec.config]).values():
        done.result()


def _resource(spec: TopicSpec) -> ConfigResource:
    return ConfigResource(ConfigResource.Type.TOPIC, spec.name, set_config=spec.config)


def bucket() -> None:
    from runner.object_store import make_bucket

    make_bucket()


def connector() -> None:
    from cdc.register import register

    register()


def flink_jobs() -> None:
    from flink_jobs.submit import submit

    submit()


def before_stop() -> None:
    """Stop the job with a savepoint, from which the next start goes on."""
    from flink_jobs.submit import stop

    stop()


def _script(name: str) -> bytes:
    return Path(ROOT / "sql" / name).read_bytes()
