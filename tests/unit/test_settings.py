"""Settings: what wins over what, and what is refused."""

from urllib.parse import unquote, urlsplit

import pytest
from psycopg.conninfo import conninfo_to_dict

from contracts.settings import (
    OPTIONAL_SECRETS,
    PLACEHOLDERS,
    PORTS,
    SECRETS,
    Settings,
    SettingsError,
    read_env_file,
    read_secrets,
    settings,
)
from contracts.tables import LIVE_TABLES
from flink_jobs.tables import postgres_sink


@pytest.mark.parametrize(
    ("values", "address"),
    [
        ({}, "127.0.0.1:8123"),
        ({"PORT_OFFSET": "1000"}, "127.0.0.1:9123"),
        ({"CLICKHOUSE_PORT": "18123", "PORT_OFFSET": "1000"}, "127.0.0.1:18123"),
        ({"CLICKHOUSE_HOST": "warehouse"}, "warehouse:8123"),
        ({"CLICKHOUSE_URL": "http://elsewhere:9999", "CLICKHOUSE_PORT": "1"}, "elsewhere:9999"),
        ({"CLICKHOUSE_URL": "https://elsewhere", "CLICKHOUSE_PORT": "1"}, "elsewhere:443"),
        ({"CLICKHOUSE_URL": "http://elsewhere/"}, "elsewhere:80"),
    ],
)
def test_addresses(values, address):
    assert Settings(values).address("CLICKHOUSE") == address
    assert Settings(values).url("CLICKHOUSE") == values.get("CLICKHOUSE_URL", f"http://{address}")


def test_no_two_parts_share_a_port():
    assert len(set(PORTS.values())) == len(PORTS) > 10


@pytest.mark.parametrize("secret", sorted(PLACEHOLDERS))
def test_a_placeholder_is_refused_by_name(secret):
    with pytest.raises(SettingsError, match="FLINK_PASSWORD"):
        Settings({"FLINK_PASSWORD": secret}).secret("FLINK_PASSWORD")


def test_secrets_have_no_default_and_do_not_show():
    for name in SECRETS:
        with pytest.raises(SettingsError, match=name):
            Settings({}).secret(name)
    settings = Settings({"BI_PASSWORD": "s3cr3t-value"})
    assert "s3cr3t-value" not in repr(settings) + repr(settings.postgres_account("bi"))
    assert "s3cr3t-value" in settings.postgres_dsn("bi")


@pytest.mark.parametrize("name", OPTIONAL_SECRETS)
def test_no_random_secret_is_offered_for_one_that_others_give_out(name):
    for value in ("", "changeme"):
        with pytest.raises(SettingsError, match=name) as refused:
            Settings({name: value}).secret(name)
        assert "make env" not in str(refused.value)


@pytest.mark.parametrize("password", ["p@ss/word", "a:b?c#d%25e+f'g", "häßlich"])
def test_a_password_of_any_characters_reaches_postgres(password):
    for name in ("BI_PASSWORD", "AIRFLOW_DB_PASSWORD"):
        parsed = urlsplit(Settings({name: password}).postgres_dsn("airflow" if "AIRFLOW" in name else "bi"))
        assert (unquote(parsed.password), parsed.hostname, parsed.port) == (password, "127.0.0.1", 5432)
    assert conninfo_to_dict(Settings({"BI_PASSWORD": password}).postgres_dsn("bi"))["password"] == password


def test_a_quote_in_a_password_does_not_end_the_string_in_flinks_sql():
    sink = postgres_sink(LIVE_TABLES[0], Settings({"FLINK_PASSWORD": "it's"}))
    assert "'password' = 'it''s'," in sink


def test_a_number_that_is_none_is_named():
    with pytest.raises(SettingsError, match="KAFKA_PARTITIONS='many'"):
        _ = Settings({"KAFKA_PARTITIONS": "many"}).partitions


@pytest.mark.parametrize(
    ("values", "servers", "copies", "insync"),
    [
        ({}, "127.0.0.1:9092", 1, 1),
        ({"KAFKA_BROKERS": "3", "PORT_OFFSET": "100"}, "127.0.0.1:9192,127.0.0.1:9292,127.0.0.1:9392", 3, 2),
        ({"KAFKA_BROKERS": "3", "KAFKA_2_HOST": "b", "KAFKA_3_PORT": "1"}, "127.0.0.1:9092,b:9192,127.0.0.1:1", 3, 2),
        ({"KAFKA_BROKERS": "3", "KAFKA_REPLICATION": "1"}, "127.0.0.1:9092,127.0.0.1:9192,127.0.0.1:9292", 1, 1),
        ({"KAFKA_BOOTSTRAP_SERVERS": "a:1,b:2", "KAFKA_REPLICATION": "3"}, "a:1,b:2", 3, 2),
    ],
)
def test_clients_of_kafka_begin_at_any_broker_and_copies_follow_the_brokers(values, servers, copies, insync):
    settings = Settings(values)
    assert (settings.bootstrap_servers, settings.replication, settings.insync_replicas) == (servers, copies, insync)


@pytest.mark.parametrize("count", ["0", "2", "4"])
def test_a_number_of_brokers_that_cannot_vote_is_refused(count):
    with pytest.raises(SettingsError, match=f"KAFKA_BROKERS={count}"):
        _ = Settings({"KAFKA_BROKERS": count}).brokers


def test_an_env_file_names_its_bad_line(tmp_path):
    file = tmp_path / ".env"
    file.write_text("# comment\n\nA=1=2\n B = x \n")
    assert read_env_file(file) == {"A": "1=2", "B": "x"}
    file.write_text("A=1\nnonsense\n")
    with pytest.raises(SettingsError, match=r"\.env:2"):
        read_env_file(file)


def test_secrets_come_from_the_files_of_a_directory_unless_the_environment_has_them(tmp_path, monkeypatch):
    (tmp_path / "BI_PASSWORD").write_text("from a file\n")
    (tmp_path / "SHOP_PASSWORD").write_text("from a file")
    (tmp_path / "ALERT_SLACK_WEBHOOK").write_text("\n")
    (tmp_path / "ALERT_SMTP_PASSWORD").write_text("from a file\n")
    (tmp_path / "UNKNOWN").write_text("not a secret")
    monkeypatch.setenv("ENV_FILE", str(tmp_path / ".env"))
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("SHOP_PASSWORD", "from the environment")
    for name in ("BI_PASSWORD", *OPTIONAL_SECRETS):
        monkeypatch.delenv(name, raising=False)
    settings.cache_clear()
    try:
        assert settings().secret("BI_PASSWORD") == "from a file"
        assert settings().secret("SHOP_PASSWORD") == "from the environment"
        assert settings().secret("ALERT_SMTP_PASSWORD") == "from a file"
        assert settings().get("ALERT_SLACK_WEBHOOK", "") == settings().get("UNKNOWN", "") == ""
    finally:
        settings.cache_clear()


def test_no_directory_holds_no_secrets(tmp_path, monkeypatch):
    (tmp_path / "BI_PASSWORD").write_text("of the current directory")
    monkeypatch.chdir(tmp_path)
    assert read_secrets("") == {}


def test_a_browser_may_know_a_part_by_another_name():
    inside = {"SUPERSET_HOST": "superset"}
    assert Settings(inside).public_url("SUPERSET") == "http://superset:8088"
    assert Settings(inside | {"SUPERSET_PUBLIC_URL": "https://charts.example"}).public_url("SUPERSET") == "https://charts.example"
