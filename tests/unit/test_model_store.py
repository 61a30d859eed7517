"""A fitted model on its way to the object store."""

from pathlib import Path

import pytest

from lakehouse.errors import LakeError
from spark_ml import model_store


class Store:
    """Keeps what it was given by name."""

    def __init__(self) -> None:
        self.objects: list[str] = []

    def list_objects(self, *_: object, **__: object) -> list[object]:
        return []

    def remove_objects(self, *_: object) -> list[object]:
        return []

    def fput_object(self, _bucket: str, name: str, _path: str) -> None:
        self.objects.append(name)


class Model:
    """Leaves these files where it is saved."""

    def __init__(self, *files: str) -> None:
        self.files = files
        self.saved = Path()

    def write(self) -> "Model":
        return self

    def overwrite(self) -> "Model":
        return self

    def save(self, address: str) -> None:
        self.saved = Path(address.removeprefix("file://"))
        for name in self.files:
            (self.saved / name).parent.mkdir(parents=True, exist_ok=True)
            (self.saved / name).touch()


def test_a_model_is_uploaded_without_its_check_sums(tmp_path: Path):
    store, model = Store(), Model("metadata/part-00000", "metadata/.part-00000.crc", "metadata/_SUCCESS")
    address = model_store.upload(store, "lake", "kmeans", "r1", model, str(tmp_path))
    assert address == "s3://lake/models/kmeans/r1/"
    assert store.objects == ["models/kmeans/r1/metadata/_SUCCESS", "models/kmeans/r1/metadata/part-00000"]
    assert model.saved.parent == tmp_path and not model.saved.exists()


def test_a_model_that_executors_wrote_elsewhere_is_not_taken_for_one():
    store = Store()
    with pytest.raises(LakeError, match="SPARK_SHARED_DIR must name a folder that driver and executors share"):
        model_store.upload(store, "lake", "kmeans", "r1", Model("metadata/_SUCCESS"))
    assert store.objects == []
