"""What the page promises about itself: it reaches nothing, hides secrets, is small and fast, and serves everybody."""

import base64
import gzip
import re

import pytest
import wasmtime

import browser as browsers
from conftest import assert_quiet
from consumers import HS256
from tokens import in_seconds, key

RS256 = key("RS256")


def test_it_is_one_small_file():
    assert browsers.PAGE.stat().st_size < 2_500_000


def test_its_code_can_ask_for_random_numbers_and_nothing_else():
    """No file, no socket, no clock: what WebAssembly does not import, it cannot do."""
    html = browsers.PAGE.read_text(encoding="utf-8")
    core = re.search(r'<script type="text/plain" id="core">([^<]+)</script>', html)[1]
    module = wasmtime.Module(wasmtime.Engine(), gzip.decompress(base64.b64decode(core)))
    assert {entry.module for entry in module.imports} == {"wasi_snapshot_preview1"}
    # The last three are the standard library's, for a panic and for environment variables, of which there are none.
    assert {entry.name for entry in module.imports} <= {
        "random_get", "environ_get", "environ_sizes_get", "fd_write", "proc_exit"
    }


# Each settles only if it has got through.
ATTEMPTS = {
    "fetch": "fetch('https://example.com/')",
    "a local file": "fetch(location.href)",
    "beacon": "(navigator.sendBeacon('https://example.com/', 'x'), never)",
    "websocket": "new Promise((yes) => { new WebSocket('wss://example.com/').onopen = yes })",
    "image": "new Promise((yes) => Object.assign(new Image(), {onload: yes, src: 'https://example.com/a.png'}))",
    "script": "new Promise((yes) => add('script', {onload: yes, src: 'https://example.com/a.js'}))",
    "inline script": "new Promise((yes) => { window.yes = yes; add('script', {textContent: 'yes()'}) })",
    "style": "new Promise((yes) => add('link', {onload: yes, rel: 'stylesheet', href: 'https://example.com/a.css'}))",
    "frame": "new Promise((yes) => add('iframe', {src: 'https://example.com/'}))",
    "form": "(add('form', {action: 'https://example.com/'}).submit(), never)",
}


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_the_browser_refuses_every_connection(browser, attempt):
    page = browser.open()
    outcome = page.tab.evaluate(
        """() => {
            const never = new Promise(() => {});
            const add = (name, fields) => document.body.appendChild(Object.assign(document.createElement(name), fields));
            const refused = new Promise((yes) => addEventListener("securitypolicyviolation", (event) => yes(event.effectiveDirective)));
            return Promise.race([refused, Promise.resolve(ATTEMPT).then(() => "it went out", () => never)]);
        }""".replace("ATTEMPT", ATTEMPTS[attempt])
    )
    assert re.fullmatch(r"(connect|img|script|style|frame)-src(-elem)?|form-action", outcome), outcome
    page.close()


def test_it_promises_that_nothing_leaves_it_and_leaves_nothing_behind(page):
    assert "Nothing leaves this page." in page.text("promise")
    page.tab.click("#example")
    page.tab.click("#tab-token")
    page.tab.click("#tab-configuration")
    assert page.tab.evaluate("[localStorage.length, sessionStorage.length, document.cookie, location.hash + location.search]") == [0, 0, "", ""]


def test_it_holds_no_link_that_leads_away():
    html = browsers.PAGE.read_text(encoding="utf-8")
    assert re.findall(r"""(?:href|src|action)=["'](?!#|data:)[^"']*""", html.split('id="core"')[0]) == []


def test_secrets_are_hidden_until_they_are_asked_for(page):
    token = RS256.token(exp=in_seconds(60))
    secret = HS256.private.decode()
    signature = token.rsplit(".", 1)[1]
    config = f"consumers:\n- username: a\n  jwt_secrets:\n  - key: k\n    secret: {secret}\n  - {{key: l, secret: \"{secret}\"}}\n"
    page.give(request=f"curl https://a -u me:password -H 'Authorization: Bearer {token}'", verifier=config)
    for id_, hidden in {"request": [signature, "password"], "verifier": [secret]}.items():
        reveal = page.tab.locator(f"[aria-controls={id_}][aria-pressed]")
        assert not any(text in page.drawn(id_) for text in hidden), id_
        assert "•••" in page.drawn(id_)
        reveal.click()
        assert reveal.inner_text() == "Hide secrets"
        assert all(text in page.drawn(id_) for text in hidden), id_
        reveal.click()
        assert not any(text in page.drawn(id_) for text in hidden), id_
    color = "area => getComputedStyle(area).color"
    assert page.tab.locator("#verifier").evaluate(color) == "rgba(0, 0, 0, 0)", "the text itself must not show through"
    for given in [secret, RS256.private_pem, f'{{"keys": [{{"kty": "oct", "k": "{secret}"}}]}}', f"secret: |\n  {secret}\n"]:
        page.give(verifier=given)
        kept = [word for word in re.findall(r"[\w' ,-]{20,}", given) if word in page.drawn("verifier") and "KEY" not in word]
        assert kept == [], given


def test_a_token_of_four_kilobytes_is_answered_within_fifty_milliseconds(page, record_property):
    token = RS256.token(exp=in_seconds(3600), pad="")
    token = RS256.token(exp=in_seconds(3600), pad="x" * ((4096 - len(token)) * 3 // 4))
    assert 4000 < len(token) < 4200
    page.give(request=token, verifier=RS256.spki)
    took = page.tab.evaluate(
        """() => {
            const area = document.getElementById("request");
            const [token, times] = [area.value, []];
            for (let press = 0; press < 40; press++) {
                area.value = token + " ".repeat(press % 2);
                const started = performance.now();
                area.dispatchEvent(new InputEvent("input", {bubbles: true}));
                document.body.getBoundingClientRect();
                times.push(performance.now() - started);
            }
            return times.sort((a, b) => a - b);
        }"""
    )
    median = took[len(took) // 2]
    record_property("milliseconds from a key press to the layout, median", round(median, 1))
    print(f"from a key press to the layout: median {median:.1f} ms, fastest {took[0]:.1f} ms, slowest {took[-1]:.1f} ms")
    assert page.verdict[0] == "Verified"
    # The median: other programs on the machine are none of its business.
    assert median < 50


CONTRAST = """() => {
    const parse = (color) => color.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => {
        const linear = [r, g, b].map((part) => part / 255).map((part) => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
    };
    const ground = (node) => {
        for (; node; node = node.parentElement) {
            const [r, g, b, alpha = 1] = parse(getComputedStyle(node).backgroundColor);
            if (alpha > 0) return [r, g, b];
        }
        return [255, 255, 255];
    };
    const poor = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let text; (text = walker.nextNode());) {
        const node = text.parentElement;
        if (!text.data.trim() || !node.checkVisibility({visibilityProperty: true}) || node.closest("script, textarea")) continue;
        const [a, b] = [light(parse(getComputedStyle(node).color)), light(ground(node))].sort((a, b) => b - a);
        const contrast = (a + 0.05) / (b + 0.05);
        if (contrast < 4.5) poor.push(`${contrast.toFixed(1)}: ${text.data.trim().slice(0, 40)} (${node.className})`);
    }
    return poor;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_can_be_read_in_light_and_in_dark(browser, scheme):
    page = browser.open(color_scheme=scheme)
    grounds = page.tab.evaluate("getComputedStyle(document.body).backgroundColor")
    red = int(re.search(r"\d+", grounds)[0])
    assert red > 200 if scheme == "light" else red < 50
    page.tab.click("#example")
    passed = page.tab.evaluate(CONTRAST)
    page.give(verifier="realm: 7\nconsumers: []")
    faulty = page.tab.evaluate(CONTRAST)
    page.give(verifier=RS256.spki, moment="+9h")
    refused = page.tab.evaluate(CONTRAST)
    page.give(verifier="")
    opened = page.tab.evaluate(CONTRAST)
    page.tab.click("#tab-token")
    token = page.tab.evaluate(CONTRAST)
    page.tab.click("#tab-configuration")
    assert [passed, faulty, refused, opened, token, page.tab.evaluate(CONTRAST)] == [[]] * 6
    assert_quiet(page)
    page.close()


@pytest.mark.parametrize("width", [320, 360, 412])
def test_nothing_is_cut_off_on_a_phone(browser, width):
    page = browser.open(viewport={"width": width, "height": 740})
    for tab in ["explain", "token", "configuration"]:
        page.tab.click(f"#tab-{tab}")
        if tab == "explain":
            page.tab.click("#example")
            page.tab.click("#more summary")
        assert page.tab.evaluate("document.documentElement.scrollWidth") <= width, tab
    page.close()


def test_every_control_has_a_name(page):
    unnamed = page.tab.evaluate(
        """() => [...document.querySelectorAll("button, input, select, textarea, [role=tabpanel], section, pre[tabindex]")]
            .filter((node) => !(node.labels?.length || node.ariaLabel || node.getAttribute("aria-labelledby")
                || node.matches("button") && node.textContent.trim() || node.matches(".card, #header")))
            .map((node) => node.outerHTML.slice(0, 80))"""
    )
    assert unnamed == []
    missing = page.tab.evaluate(
        """() => [...document.querySelectorAll("[aria-controls], [aria-labelledby], [aria-describedby], [for]")].flatMap((node) =>
            ["aria-controls", "aria-labelledby", "aria-describedby", "for"].map((name) => node.getAttribute(name)))
            .filter((id) => id && !document.getElementById(id))"""
    )
    assert missing == []
    assert page.tab.get_attribute("html", "lang") == "en"


def test_it_can_be_used_with_the_keyboard_alone(page):
    def focused():
        return page.tab.evaluate("document.activeElement.id")

    press = page.tab.keyboard.press
    press("Tab")
    assert page.tab.evaluate("document.activeElement.textContent") == "Skip to the content"
    press("Tab")
    assert focused() == "tab-explain"
    press("ArrowRight")
    assert focused() == "tab-token" and page.shows("token") and not page.shows("explain")
    press("End")
    assert focused() == "tab-configuration" and page.shows("configuration")
    press("Home")
    assert focused() == "tab-explain"
    seen = []
    for _ in range(6):
        press("Tab")
        seen.append(focused())
        ring = page.tab.evaluate(
            """() => [document.activeElement, document.activeElement.closest(".editor")]
                .some((node) => node && getComputedStyle(node).outlineStyle !== "none")"""
        )
        assert ring, f"the focus cannot be seen: {seen}"
        if seen[-1] == "request":
            page.tab.keyboard.insert_text(RS256.token(exp=in_seconds(60)))
        if seen[-1] == "verifier":
            page.tab.keyboard.insert_text(RS256.spki)
            break
    assert page.verdict[0] == "Verified"


def test_what_whoever_made_the_token_wrote_stays_text(page):
    page.give(request=RS256.token(iss="<img src=x onerror=alert(1)>", exp=in_seconds(60), **{"<b>": "\u202etxt"}), verifier=RS256.spki)
    assert page.verdict[0] == "Verified"
    assert "<img src=x" in page.text("claims") and page.tab.locator("#explained img, #explained b:not(#tick-labels b)").count() == 0
    assert "\u202e" not in page.text("claims")
