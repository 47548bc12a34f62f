"""Makes the pictures of docs/page.md, always the same: the clock stands still, and keys and tokens are fixed."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "envoy"))

from browser import ROOT, Browser  # noqa: E402
from samples import text as sample  # noqa: E402
from tokens import ISSUER, Key, serialization  # noqa: E402

NOW = 1_795_543_769
DEMO = Key("RS256", serialization.load_pem_private_key((ROOT / "envoy" / "demo" / "private-key.pem").read_bytes(), None))
TOKEN = DEMO.token({"iss": ISSUER, "sub": "alice", "aud": "orders", "iat": NOW - 3900, "nbf": NOW - 3900, "exp": NOW - 300})
COMMAND = f"curl 'https://api.example.com/orders?page=2' \\\n  -H 'accept: application/json' \\\n  -H 'authorization: Bearer {TOKEN}'"


def main():
    with Browser() as browser:
        page = still(browser, viewport={"width": 1280, "height": 930})
        page.give(request=COMMAND, verifier=sample("envoy.yaml"))
        page.tab.click("#checks .failed button")
        take(page, "page.png")

        page = still(browser, viewport={"width": 1280, "height": 800})
        page.tab.click("#tab-configuration")
        page.tab.select_option("#host", "istio")
        page.tab.fill("[name=groups]", "partners")
        page.tab.fill("#verifies", DEMO.spki)
        take(page, "page-configuration.png")

        page = still(browser, viewport={"width": 390, "height": 1180}, color_scheme="dark")
        page.give(request=TOKEN, verifier=DEMO.spki, moment=NOW - 1800)
        take(page, "page-phone.png", above="verdict")


def still(browser, **settings):
    """The page at a moment that does not pass."""
    page = browser.open(at=NOW, **settings)
    page.tab.clock.set_fixed_time(NOW)
    return page


def take(page, name, above=None):
    page.tab.mouse.move(0, 0)
    page.tab.evaluate("document.activeElement.blur()")
    page.tab.evaluate("id => scrollTo(0, id ? document.getElementById(id).offsetTop - 12 : 0)", above)
    page.tab.screenshot(path=ROOT / "docs" / name)
    page.close()


if __name__ == "__main__":
    main()
