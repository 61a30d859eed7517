"""The object store as any that speaks S3: no page of MinIO's, its own region, encrypted where its address says so."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from contracts import settings as module
from contracts.settings import Settings
from lakehouse.store import client as client_of
from runner import object_store, probes
from runner.service import NotReadyError, StackError


class Store(ThreadingHTTPServer):
    """Answers each request with ``status`` and keeps its first line and who signed it."""

    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str]] = []


class Handler(BaseHTTPRequestHandler):
    def answer(self) -> None:
        self.server.asked.append((f"{self.command} {self.path}", self.headers["Authorization"]))
        self.send_response(self.server.status if self.command == "HEAD" else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_PUT = answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    server = Store()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("MINIO_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("MINIO_ROOT_PASSWORD", "of-the-store")
    monkeypatch.setenv("S3_REGION", "eu-central-1")
    monkeypatch.setenv("LAKE_BUCKET", "our-lake")
    module.settings.cache_clear()
    yield server
    server.shutdown()
    server.server_close()
    module.settings.cache_clear()


def test_a_bucket_is_made_in_the_store_s_region(store: Store):
    store.status = 404
    probes.object_store()
    object_store.make_bucket()
    assert [line for line, _ in store.asked] == ["HEAD /our-lake", "HEAD /our-lake", "PUT /our-lake"]
    assert all("/eu-central-1/s3/" in signed for _, signed in store.asked)


def test_a_bucket_that_is_there_is_left_alone(store: Store):
    object_store.make_bucket()
    assert [line for line, _ in store.asked] == ["HEAD /our-lake"]


def test_an_account_that_is_refused_is_one_line_with_the_place(store: Store):
    store.status = 403
    for error, ask in ((NotReadyError, probes.object_store), (StackError, object_store.make_bucket)):
        with pytest.raises(error, match="^object store at http://127.0.0.1:.*, bucket 'our-lake': .*AccessDenied") as caught:
            ask()
        assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(("url", "base"), [("https://s3.example", "https://s3.example"), ("http://s:9000/", "http://s:9000")])
def test_encryption_and_port_are_the_address_s(url: str, base: str):
    client = client_of(Settings({"MINIO_URL": url, "MINIO_ROOT_PASSWORD": "of-the-store"}))
    assert client._base_url._url.geturl() == base
