"""What tests of several kinds share."""

import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# A busy machine makes no test fail: Hypothesis takes its time.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.fixture
def new_handlers() -> Iterator[None]:
    """The handlers that a new Python has, whatever a library left in this one; afterwards those of before."""
    new = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in new.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
