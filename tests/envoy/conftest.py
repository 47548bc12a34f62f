"""Fixtures: the upstream, and per test module an Envoy with the listeners that the module's LISTENERS names."""

import re

import pytest

pytest.register_assert_rewrite("expect")

import harness  # noqa: E402  (after the line that makes its assertions speak)
import tokens  # noqa: E402
from consumers import HS256  # noqa: E402
from upstream import Upstream  # noqa: E402


def pytest_make_parametrize_id(val):
    """Tokens and other long texts would drown the names of the tests."""
    if not isinstance(val, str):
        return None
    name = val.replace(HS256.token(), "TOKEN")
    return name if len(name) <= 50 else f"{name[:50]}..."


@pytest.fixture(scope="session", autouse=True)
def module_under_test():
    assert harness.MODULE.is_file(), f"{harness.MODULE} is not there: `make build` makes it"


@pytest.fixture(scope="session")
def upstream():
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def envoy(request, upstream, tmp_path_factory):
    """The module's Envoy. Whatever its tests did, in the end it must not have crashed nor logged a secret."""
    directory = tmp_path_factory.mktemp(request.module.__name__)
    log_level = getattr(request.module, "LOG_LEVEL", "debug")
    with harness.Envoy(request.module.LISTENERS, upstream, directory, log_level) as running:
        yield running
        check_log(running.log())
        if not harness.IS_NATIVE:
            assert re.findall(r"vm_reload.*: (\d+)", running.admin("/stats?filter=vm_reload")) == ["0"] * 4


def check_log(log):
    crashes = [line for line in log.splitlines() if harness.CRASH.search(line)]
    assert not crashes, "the module crashed:\n" + "\n".join(crashes)
    assert_no_secret_in(log)


# What tokens and keys consist of. Most secrets are one such word, and in a long log few words are not there many times.
WORD = re.compile(r"[\w.+/=-]{16,}", re.ASCII)


def assert_no_secret_in(log):
    words = " ".join(set(WORD.findall(log)))
    told = [secret for secret in tokens.SECRETS.copy() if secret in (words if WORD.fullmatch(secret) else log)]
    assert not told, f"{len(told)} of {len(tokens.SECRETS)} tokens and keys are in the log, e.g. {told[0]}"
