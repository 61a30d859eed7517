"""Which version of a model scores: the alias ``champion``. ``challenger`` is the newest one that was judged."""

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from lakehouse.errors import LakeError

CHAMPION, CHALLENGER = "champion", "challenger"
RUN_TAG = "run_id"
# On the version that a champion took the place of.
FOLLOWED = "followed_version"


def with_alias(client: MlflowClient, model: str, alias: str) -> ModelVersion | None:
    try:
        return client.get_model_version_by_alias(model, alias)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def champion(client: MlflowClient, model: str) -> ModelVersion:
    """LakeError where there is none yet."""
    found = with_alias(client, model, CHAMPION)
    if found is None:
        raise LakeError(f"the registry has no {CHAMPION} of {model}: train and register one first")
    return found


def of_run(client: MlflowClient, model: str, run_id: str) -> ModelVersion | None:
    """The version that a batch run has registered."""
    found = client.search_model_versions(f"name = '{model}' and tags.{RUN_TAG} = '{run_id}'")
    return next(iter(found), None)


def better(challenger: float, champion: float | None, margin: float) -> bool:
    """Whether a challenger takes the place: there is nobody, or it is better on the same test set by more than the margin."""
    return champion is None or challenger > champion + margin


def promote(client: MlflowClient, model: str, version: str) -> None:
    """The version becomes the champion, and remembers whom it followed."""
    before = with_alias(client, model, CHAMPION)
    if before is not None and before.version == version:
        return
    if before is not None:
        client.set_model_version_tag(model, version, FOLLOWED, before.version)
    client.set_registered_model_alias(model, CHAMPION, version)


def roll_back(client: MlflowClient, model: str, version: str = "") -> tuple[str, str]:
    """Make an older version the champion again: the named one, else the one that the champion followed.

    Returns the versions before and after. LakeError where there is nothing to go back to.
    """
    now = champion(client, model)
    target = version or now.tags.get(FOLLOWED, "")
    if not target:
        raise LakeError(f"{model}: version {now.version} followed nobody, there is nothing to go back to")
    known = {found.version for found in client.search_model_versions(f"name = '{model}'")}
    if str(target) not in set(map(str, known)):
        raise LakeError(f"{model} has no version {target}; there are {', '.join(sorted(map(str, known), key=int))}")
    client.set_registered_model_alias(model, CHAMPION, str(target))
    return str(now.version), str(target)
