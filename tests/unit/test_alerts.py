"""Messages about runs reach a mail server and a webhook, and say what there is to know."""

import base64
import http.server
import json
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from datetime import date
from email import message_from_bytes, policy
from pathlib import Path
from types import SimpleNamespace

import pytest

from alerts import policy as task_policy
from alerts import summary as module
from alerts.channels import AlertError, send
from alerts.messages import Message, Section, failure, summary
from contracts.settings import Settings

BUILD = {
    "as_of_day": date(2026, 1, 31), "is_ok": 1, "seconds": 41.6, "models_built": 39, "models_failed": 0,
    "tests_passed": 120, "tests_warned": 1, "tests_failed": 0, "tests_skipped": 0,
}  # fmt: skip
SEGMENTS = [
    {"segment_name": "loyal <3", "customers": 120, "customers_before": 100},
    {"segment_name": "lost", "customers": 7, "customers_before": None},
]


class MailSession(socketserver.StreamRequestHandler):
    """Enough of SMTP to take a letter, and a login over TLS."""

    def handle(self) -> None:
        self.say("220 test")
        while line := self.rfile.readline():
            match line.split()[0].upper():
                case b"EHLO":
                    self.say("250-test\r\n250-AUTH PLAIN\r\n250 STARTTLS")
                case b"STARTTLS":
                    self.say("220 go on")
                    if not self.encrypt():
                        return
                case b"AUTH":
                    assert isinstance(self.request, ssl.SSLSocket)
                    self.server.logins.append(base64.b64decode(line.split()[2]).decode().split("\0")[1:])
                    self.say("235 ok")
                case b"DATA":
                    self.say("354 go on")
                    letter = b"".join(iter(self.rfile.readline, b".\r\n"))
                    self.server.letters.append(message_from_bytes(letter, policy=policy.default))
                    self.say("250 ok")
                case b"QUIT":
                    self.say("221 bye")
                    return
                case _:
                    self.say("250 ok")

    def encrypt(self) -> bool:
        """False where the client does not trust the certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server.certificate)
        try:
            self.request = context.wrap_socket(self.request, server_side=True)
        except ssl.SSLError:
            return False
        self.setup()
        return True

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:  # noqa: N802
        self.server.letters.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def serve(handler: type) -> Iterator[socketserver.TCPServer]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.letters, server.logins, server.status = [], [], 200
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def mail() -> Iterator[socketserver.TCPServer]:
    yield from serve(MailSession)


@pytest.fixture
def hook() -> Iterator[socketserver.TCPServer]:
    yield from serve(Hook)


def mail_settings(server: socketserver.TCPServer) -> dict[str, str]:
    return {"ALERT_SMTP_SERVER": f"127.0.0.1:{server.server_address[1]}", "ALERT_MAIL_TO": "team@example.com"}


def hook_settings(server: socketserver.TCPServer) -> dict[str, str]:
    return {"ALERT_SLACK_WEBHOOK": f"http://127.0.0.1:{server.server_address[1]}/hook"}


def test_a_summary_arrives_as_text_and_html(mail: socketserver.TCPServer) -> None:
    message = summary(BUILD, SEGMENTS, ("dashboards: http://127.0.0.1:8088",))
    assert send(message, Settings(mail_settings(mail))) == ["log", "e-mail"]
    (letter,) = mail.letters
    assert (letter["To"], letter["Subject"]) == ("team@example.com", "Customer pipeline: well, 2 segments")
    text, page = letter.get_body(("plain",)).get_content(), letter.get_body(("html",)).get_content()
    for line in ("models: 39 built, 0 failed, 42 s", "tests: 120 passed, 1 warned, 0 failed, 0 skipped", "2026-01-31"):
        assert line in text and line in page
    assert "loyal <3  120        +20" in text.replace("\r\n", "\n")
    assert "<td>loyal &lt;3</td><td>120</td><td>+20</td>" in page
    assert "<td>lost</td><td>7</td><td>new</td>" in page


def test_a_webhook_gets_the_words(hook: socketserver.TCPServer) -> None:
    assert send(Message("Hello", ("a line",)), Settings(hook_settings(hook))) == ["log", "Slack"]
    assert hook.letters == [{"text": "*Hello*\n```a line```"}]


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Of 127.0.0.1, with its key; signed by itself."""
    path = tmp_path / "certificate.pem"
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", path]
    whose = ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "1", "-out", path]
    subprocess.run(["openssl", "req", "-x509", *key, *whose], check=True, capture_output=True)
    return path


def test_a_password_goes_to_no_server_but_a_trusted_one(
    mail: socketserver.TCPServer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail.certificate = certificate
    config = Settings({**mail_settings(mail), "ALERT_SMTP_USER": "pipeline", "ALERT_SMTP_PASSWORD": "s3cr3t-value"})
    with pytest.raises(AlertError, match="e-mail: .*certificate verify failed"):
        send(Message("Hello"), config)
    assert mail.logins == mail.letters == []
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert send(Message("Hello"), config) == ["log", "e-mail"]
    assert mail.logins == [["pipeline", "s3cr3t-value"]] and len(mail.letters) == 1


def test_a_user_without_a_password_is_told_of_it(
    mail: socketserver.TCPServer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail.certificate = certificate
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with pytest.raises(AlertError, match="^e-mail: ALERT_SMTP_PASSWORD is not set$"):
        send(Message("Hello"), Settings({**mail_settings(mail), "ALERT_SMTP_USER": "pipeline"}))


@pytest.mark.parametrize("missing", ["ALERT_SMTP_SERVER", "ALERT_MAIL_TO"])
def test_mail_that_is_half_set_up_is_an_error_and_no_silence(mail: socketserver.TCPServer, missing: str) -> None:
    half = {name: value for name, value in mail_settings(mail).items() if name != missing}
    with pytest.raises(AlertError, match=f"^e-mail: {missing} is not set$"):
        send(Message("Hello"), Settings(half))
    assert mail.letters == []


def test_the_summary_leads_to_the_page_that_browsers_know(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = []
    monkeypatch.setattr(module, "newest_build", lambda client: BUILD)
    monkeypatch.setattr(module, "segments", lambda client: SEGMENTS)
    monkeypatch.setattr(module, "send", lambda message, config: sent.append(message))
    monkeypatch.setattr(module.clickhouse_connect, "get_client", lambda **_: SimpleNamespace(close=lambda: None))
    public = {"SUPERSET_HOST": "superset", "SUPERSET_PUBLIC_URL": "https://charts.example", "CLICKHOUSE_PASSWORD": "s3cr3t-value"}
    module.report(Settings(public))
    assert "dashboards: https://charts.example" in sent[0].lines


def test_nothing_set_up_is_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    assert send(Message("Hello", ("a line",)), Settings({})) == ["log"]
    assert "Hello\na line" in caplog.text


def test_a_channel_that_refuses_does_not_keep_the_others_from_it(
    mail: socketserver.TCPServer, hook: socketserver.TCPServer
) -> None:
    hook.status = 500
    with pytest.raises(AlertError, match="Slack: .*500") as refused:
        send(Message("Hello"), Settings({**mail_settings(mail), **hook_settings(hook)}))
    assert "e-mail" not in str(refused.value)
    assert len(mail.letters) == 1


def test_a_webhook_is_no_file(tmp_path) -> None:
    with pytest.raises(AlertError, match="ALERT_SLACK_WEBHOOK"):
        send(Message("Hello"), Settings({"ALERT_SLACK_WEBHOOK": f"file://{tmp_path}"}))


def test_a_failure_names_task_run_and_cause(mail: socketserver.TCPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_policy, "settings", lambda: Settings(mail_settings(mail)))
    task = SimpleNamespace(
        dag_id="customer_pipeline", task_id="dbt_build", run_id="manual__1", try_number=3, log_url="http://log"
    )
    task_policy.tell_of_failure({"ti": task, "exception": RuntimeError("exit code 1\nand more")})
    (letter,) = mail.letters
    assert letter["Subject"] == "Failed: customer_pipeline.dbt_build"
    text = letter.get_body(("plain",)).get_content()
    for line in ("run: manual__1", "tries: 3", "error: exit code 1", "log: http://log"):
        assert line in text.splitlines()
    assert "and more" not in text


def test_an_alert_that_cannot_be_sent_raises_nothing(
    hook: socketserver.TCPServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The task has an error of its own to report."""
    hook.status = 500
    monkeypatch.setattr(task_policy, "settings", lambda: Settings(hook_settings(hook)))
    task = SimpleNamespace(dag_id="d", task_id="t", run_id="r", try_number=3)
    task_policy.tell_of_failure({"ti": task})
    assert "was not sent: Slack" in caplog.text


def test_a_bad_build_shows_in_the_subject() -> None:
    assert summary(BUILD | {"is_ok": 0}, [], ()).subject == "Customer pipeline: NOT WELL, 0 segments"


def test_an_error_without_words_is_said_to_be_one() -> None:
    assert "error: no message" in failure("d", "t", "r", 3, "", "").lines


def test_columns_of_a_table_line_up() -> None:
    text = Message("", (), (Section("Title", (("a", "long name"), ("longer", 1))),)).text
    assert text.splitlines() == ["", "Title", "a       long name", "longer  1"]


def test_every_task_has_three_tries_with_growing_pauses() -> None:
    given = task_policy.default_args(minutes=7)
    assert given["retries"] + 1 == 3
    assert given["retry_exponential_backoff"] > 1
    assert given["execution_timeout"].total_seconds() == 7 * 60
    assert given["on_failure_callback"] is task_policy.tell_of_failure
