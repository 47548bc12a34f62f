"""The token page in a real browser."""

import json
import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "dist" / "jwt-auth.html"
CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
# Without what a browser does on its own account, so that every connection is the page's.
FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync""".split()


class Browser:
    """A browser, with a new profile for each page."""

    def __enter__(self):
        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        return self

    def __exit__(self, *_):
        self._browser.close()
        self._playwright.stop()

    def open(self, at=None, **settings):
        """The page, ready, by the settings of a browser context; `at` is the time that it is there."""
        context = self._browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **settings})
        return TokenPage(context, at)


class TokenPage:
    """The page as a person uses it."""

    def __init__(self, context, at):
        self.requests, self.errors = [], []
        self.tab = context.new_page()
        self.tab.on("request", lambda request: self.requests.append(request.url))
        self.tab.on("websocket", lambda socket: self.requests.append(socket.url))
        self.tab.on("pageerror", lambda error: self.errors.append(str(error)))
        self.tab.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        if at is not None:
            self.tab.clock.install(time=at)
        self.tab.goto(PAGE.as_uri())
        self.tab.wait_for_selector("html[data-ready]")

    def close(self):
        self.tab.context.close()

    def give(self, request=None, verifier=None, moment=None):
        """Pastes into the fields that are named."""
        for field, text in {"request": request, "verifier": verifier, "moment": moment}.items():
            if text is not None:
                self.tab.fill(f"#{field}", str(text))

    def paste(self, field, text):
        """Puts the text where the cursor stands, as the browser does when somebody pastes."""
        self.tab.focus(f"#{field}")
        self.tab.keyboard.insert_text(text)

    @property
    def verdict(self):
        """What stands on top: the title and the sentence."""
        return self.text("verdict-title"), self.text("verdict-text")

    def text(self, id_):
        return self.tab.locator(f"#{id_}").inner_text()

    def shows(self, id_):
        return self.tab.locator(f"#{id_}").is_visible()

    @property
    def checks(self):
        """The checks that are shown: name, whether it has passed, and what is said of it."""
        items = self.tab.locator("#checks li").all()
        return [
            (
                item.locator(".name").evaluate("name => name.lastChild.textContent"),
                "passed" in item.get_attribute("class"),
                item.locator(".detail").inner_text(),
            )
            for item in items
        ]

    @property
    def failed(self):
        [(name, _, detail)] = [check for check in self.checks if not check[1]]
        return f"{name}: {detail}"

    @property
    def explanation(self):
        return json.loads(self.tab.locator("#json").text_content())

    def drawn(self, id_):
        """What can be seen in an editor."""
        return self.tab.locator(f"#{id_}-editor .under").text_content()
