"""What the tests without a proxy need: the module."""

import harness
import pytest


@pytest.fixture(scope="session", autouse=True)
def module_under_test():
    assert harness.MODULE.is_file(), f"{harness.MODULE} is not there: `make build` makes it"
