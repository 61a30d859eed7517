"""What a start asks of the lake's object store, in its own words."""

from contracts.settings import settings
from lakehouse import store
from lakehouse.errors import LakeError
from runner.service import NotReadyError, StackError

ANSWER_SECONDS = 10


def answers() -> None:
    """The account may ask for the bucket, whether there is one yet or not; NotReadyError otherwise."""
    try:
        store.has_bucket(settings(), store.client(settings(), ANSWER_SECONDS))
    except LakeError as error:
        raise NotReadyError(str(error)) from None


def make_bucket() -> None:
    """The lake's, where it is missing."""
    try:
        store.object_store(settings())
    except LakeError as error:
        raise StackError(str(error)) from None
