"""Makes the token page: one HTML file with its style, its script and the core in it, dist/jwt-auth.html.

Each file of page/web is a module that an editor understands. In the page they are one script: what they import from each
other stands in it before them. Needs nothing but Python.
"""

import base64
import gzip
import hashlib
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
WEB = HERE / "web"
IMPORT = re.compile(r'^import (?:\{[^}]*\}) from "\./([\w-]+\.js)";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async )?(?:class|const|function)\b)", re.MULTILINE)
TOP_LEVEL = re.compile(r"^(?:async )?(?:class|const|let|function) (\w+)", re.MULTILINE)
LARGEST = 2_500_000


def main(core, page):
    style = (WEB / "style.css").read_text(encoding="utf-8")
    script = joined("main.js")
    parts = {
        "policy": policy(style, script),
        "style": style,
        "script": script,
        "core": base64.b64encode(gzip.compress(Path(core).read_bytes(), 9, mtime=0)).decode(),
        "version": version(),
    }
    template = (WEB / "index.html").read_text(encoding="utf-8")
    html = re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], template)
    data = html.encode()
    if len(data) >= LARGEST:
        sys.exit(f"the page has {len(data)} bytes, and {LARGEST} are too many to mail")
    Path(page).write_bytes(data)
    print(f"{page}: {len(data)} bytes")


def joined(entry):
    """A module behind all that it imports, as one script."""
    order = []

    def visit(name, on_the_way):
        if name in on_the_way:
            sys.exit(f"page/web: {' imports '.join([*on_the_way, name])}")
        if name not in order:
            for imported in IMPORT.findall((WEB / name).read_text(encoding="utf-8")):
                visit(imported, [*on_the_way, name])
            order.append(name)

    visit(entry, [])
    unused = {path.name for path in WEB.glob("*.js")} - set(order)
    if unused:
        sys.exit(f"page/web: nothing imports {', '.join(sorted(unused))}")
    script = "\n".join(EXPORT.sub("", IMPORT.sub("", (WEB / name).read_text(encoding="utf-8"))) for name in order)
    names = TOP_LEVEL.findall(script)
    twice = {name for name in names if names.count(name) > 1}
    if twice or "</script" in script or re.search(r"^(?:import|export)\b", script, re.MULTILINE):
        sys.exit(f"page/web: cannot be one script: {', '.join(sorted(twice)) or 'an import, an export or an end tag'}")
    return script


def policy(style, script):
    """Lets the page's own style and script work, WebAssembly be compiled, and nothing be fetched or sent."""

    def digest(text):
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    return "; ".join([
        "default-src 'none'",
        "connect-src 'none'",
        f"script-src {digest(script)} 'wasm-unsafe-eval'",
        f"style-src {digest(style)}",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ])


def version():
    return re.search(r'^version = "(.*)"', (HERE.parent / "Cargo.toml").read_text(), re.MULTILINE)[1]


if __name__ == "__main__":
    main(*sys.argv[1:])
