"""A run's page: VAR_DIR/reports/<kind>-<run-id>.html and <kind>-latest.html, and both in ``reports/`` of the lake's bucket."""

import io
import shutil
from pathlib import Path

from minio import Minio

from contracts.settings import settings

STYLE = Path(__file__).with_name("page.css").read_text()


def publish(store: Minio, bucket: str, kind: str, run_id: str, text: str) -> Path:
    """Under its own name and as the latest; the file."""
    path = settings().var / "reports" / f"{kind}-{run_id}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    latest = path.with_name(f"{kind}-latest.html")
    shutil.copyfile(path, latest)
    content = text.encode()
    for name in (path.name, latest.name):
        store.put_object(bucket, f"reports/{name}", io.BytesIO(content), len(content), content_type="text/html; charset=utf-8")
    return path
