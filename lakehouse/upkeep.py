"""Keeps the lake small: ``python -m lakehouse.upkeep [--keep N]``. Safe while others read and write.

Of every table the newest N snapshots stay (LAKE_KEEP_SNAPSHOTS, 30 unless set); then every file under the table that no
remaining snapshot refers to is removed, once it is older than LAKE_ORPHAN_HOURS (24): younger ones may belong to a write
that is still to be committed.
"""

import argparse
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from minio import Minio
from minio.deleteobjects import DeleteObject
from pyiceberg.catalog import Catalog
from pyiceberg.table import Table

from contracts.lake import MARTS_NAMESPACE, ML_NAMESPACE
from contracts.settings import settings
from lakehouse import clients
from lakehouse.errors import LakeError
from lakehouse.program import exit_code


@dataclass(frozen=True)
class Removed:
    """What was removed of a table."""

    snapshots: int
    files: int


def expire(table: Table, keep: int) -> int:
    """Forget all but the newest ``keep`` snapshots; how many went."""
    newest_first = sorted(table.snapshots(), key=lambda snapshot: snapshot.sequence_number or 0, reverse=True)
    current = table.current_snapshot()
    old = [
        snapshot.snapshot_id for snapshot in newest_first[keep:] if current is None or snapshot.snapshot_id != current.snapshot_id
    ]
    if old:
        table.maintenance.expire_snapshots().by_ids(old).commit()
        table.refresh()
    return len(old)


def referenced(table: Table) -> set[str]:
    """Every file that a snapshot needs, and the table's metadata."""
    files = {table.metadata_location, *(entry.metadata_file for entry in table.metadata.metadata_log)}
    for snapshot in table.snapshots():
        files.add(snapshot.manifest_list)
        for manifest in snapshot.manifests(table.io):
            files.add(manifest.manifest_path)
            files.update(entry.data_file.file_path for entry in manifest.fetch_manifest_entry(table.io))
    return files


def sweep(table: Table, store: Minio, bucket: str, before: datetime) -> int:
    """Remove what nothing refers to and was last written ``before``; how many files went."""
    root = f"s3://{bucket}/"
    prefix = table.location().removeprefix(root).rstrip("/") + "/"
    # Listed before the references are read: a file committed in between is listed as young or not at all.
    old = [one.object_name for one in store.list_objects(bucket, prefix=prefix, recursive=True) if one.last_modified < before]
    table.refresh()
    needed = referenced(table)
    orphans = [name for name in old if root + name not in needed]
    for error in store.remove_objects(bucket, map(DeleteObject, orphans)):
        raise LakeError(f"removing s3://{bucket}/{error.name}: {error.message}")
    return len(orphans)


def upkeep(catalog: Catalog, store: Minio, bucket: str, keep: int, before: datetime) -> dict[str, Removed]:
    """Of every table of the lake."""
    removed = {}
    for namespace in (MARTS_NAMESPACE, ML_NAMESPACE):
        for identifier in catalog.list_tables(namespace):
            table = catalog.load_table(identifier)
            removed[".".join(identifier)] = Removed(expire(table, keep), sweep(table, store, bucket, before))
    return removed


def main() -> None:
    parser = argparse.ArgumentParser(prog="lakehouse.upkeep", description="Expire old snapshots and remove their files.")
    parser.add_argument("--keep", type=int, default=settings().lake_keep_snapshots, help="snapshots a table")
    keep = parser.parse_args().keep
    if keep < 1:
        raise LakeError(f"--keep {keep}: at least 1 snapshot must stay")
    before = datetime.now(UTC) - timedelta(hours=settings().lake_orphan_hours)
    removed = upkeep(clients.catalog(settings()), clients.object_store(settings()), settings().bucket, keep, before)
    for identifier, what in removed.items():
        print(f"{identifier:<28}{what.snapshots:>6} snapshots, {what.files:>6} files removed")


if __name__ == "__main__":
    sys.exit(exit_code("lakehouse.upkeep", main))
