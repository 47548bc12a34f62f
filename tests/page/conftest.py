"""Fixtures: the browser, and for each test a page of its own, which must not have tried to reach anything."""

import pytest

import browser as browsers


@pytest.fixture(scope="session")
def browser():
    if browsers.CHROMIUM is None:
        pytest.skip("no Chromium: the token page is not tested (Debian and Ubuntu: apt install chromium)")
    assert browsers.PAGE.is_file(), f"{browsers.PAGE} is not there: `make page` makes it"
    with browsers.Browser() as running:
        yield running


@pytest.fixture
def page(browser):
    with_settings = browser.open()
    yield with_settings
    assert_quiet(with_settings)
    with_settings.close()


def assert_quiet(page):
    """Whatever was done with the page, it has asked for nothing but itself, and nothing has gone wrong in it."""
    # The icon lies in the page.
    asked = [url for url in page.requests if not url.startswith("data:")]
    assert asked == [browsers.PAGE.as_uri()]
    assert page.errors == []
