"""The page says what `jwt-auth explain` says, in all of its test cases."""

import json
import os
import subprocess

import pytest

import test_explain
from browser import ROOT

PROGRAM = ROOT / "target" / "debug" / "jwt-auth"
AT = "1700000000"

# Sets the fields as typing does, with one look at the answer at the end.
ASK = """(fields) => {
    document.getElementById("filter").append(new Option(fields.filter, fields.filter));
    for (const [id, value] of Object.entries(fields)) document.getElementById(id).value = value;
    document.getElementById("request").dispatchEvent(new InputEvent("input", {bubbles: true}));
    document.getElementById("filter").value = fields.filter;
    document.getElementById("request").dispatchEvent(new InputEvent("input", {bubbles: true}));
    const problems = [...document.querySelectorAll(".problem")].map((node) => node.textContent).filter(Boolean);
    const isThere = !document.getElementById("explained").hidden;
    return {
        problem: problems[0] ?? null,
        title: document.getElementById("verdict-title").textContent,
        explanation: isThere ? document.getElementById("json").textContent : null,
    };
}"""


def ask(page, **fields):
    empty = dict.fromkeys(["request", "verifier", "filter", "route", "service", "key-set", "certificate", "moment"], "")
    answer = page.tab.evaluate(ASK, {**empty, "moment": AT, **fields})
    return {**answer, "explanation": answer["explanation"] and json.loads(answer["explanation"])}


def of_program(arguments, given=""):
    done = subprocess.run([PROGRAM, "explain", *arguments, "--format", "json"], input=given.encode(), capture_output=True, timeout=60, cwd=ROOT)
    return json.loads(done.stdout) if done.returncode in (0, 1) else done.stderr.decode()


def assert_same(page, fields, told):
    answer = ask(page, **fields)
    if isinstance(told, str):
        # What cannot be read there cannot be read here, for the same reason.
        assert answer["title"].endswith(("cannot be read", "cannot be used")) or answer["title"].startswith("Paste"), (told, answer)
        _, request, reason = told.partition("error: <stdin> ")
        if request and fields["request"].strip():
            assert answer["problem"] == reason.strip()
        return
    shown = answer["explanation"]
    assert shown is not None, (answer, told)
    # The same file has another name.
    shown["configuration"] = shown["configuration"].removeprefix("configuration:")
    told["configuration"] = ":".join(told["configuration"].rsplit(":", 2)[1:])
    assert shown == told


@pytest.fixture(scope="module")
def shared(browser):
    page = browser.open()
    yield page
    assert page.errors == []
    page.close()


@pytest.mark.parametrize("given", [*test_explain.REQUESTS, *test_explain.COMMANDS])
def test_the_cases_that_go_through_envoy(shared, tmp_path, given):
    given = given.replace("TOK", test_explain.TOKEN).replace("OTHER", test_explain.OTHER).replace("URL", "http://a.example:8080")
    for number, configuration in enumerate([test_explain.CONFIGURATION, test_explain.HIDING]):
        text = json.dumps(configuration)
        path = tmp_path / f"{number}.json"
        path.write_text(text)
        told = of_program(["--config", path, "--at", AT], given)
        assert_same(shared, {"request": given, "verifier": text}, told)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """What the program's own tests ask `explain`: the arguments, the input, and the files."""
    directory = tmp_path_factory.mktemp("recorded")
    command = ["cargo", "test", "--locked", "--quiet", "--package", "jwt-auth", "--test", "cli"]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "JWT_AUTH_RECORD": str(directory)}, capture_output=True, timeout=1200, check=True)
    return [json.loads(path.read_text()) for path in directory.iterdir()]


OPTIONS = {"--filter": "filter", "--route": "route", "--service": "service", "--client-certificate": "certificate", "--at": "moment"}


def test_the_cases_of_the_program_s_own_tests(shared, recorded, tmp_path):
    compared = 0
    for case in recorded:
        arguments = case["arguments"][1:]
        if "--format" in arguments:
            at = arguments.index("--format")
            del arguments[at : at + 2]
        files = {}
        for number, (path, text) in enumerate(case["files"].items()):
            copy = tmp_path / f"{number}-{os.path.basename(path)}"
            copy.write_text(text)
            files[path] = str(copy)
        options = dict(zip(arguments[::2], arguments[1::2])) if len(arguments) % 2 == 0 else {}
        unknown = options.keys() - {*OPTIONS, "--config", "--token", "--token-file", "--request", "--jwks"}
        config = case["files"].get(options.get("--config"))
        if unknown or config is None or options.get("--request") == "-":
            continue  # about the command line itself
        fields = {field: options[option] for option, field in OPTIONS.items() if option in options}
        # The page takes the certificate itself, where the program takes the name of a file, too.
        certificate = fields.get("certificate")
        fields["certificate"] = case["files"].get(certificate, certificate) or ""
        fields["moment"] = fields.get("moment", AT)
        fields["verifier"] = config
        sources = [case["files"].get(options.get("--request")), case["files"].get(options.get("--token-file")), options.get("--token"), case["input"]]
        fields["request"] = next(source for source in sources if source is not None)
        fields["key-set"] = case["files"].get(options.get("--jwks"), "")
        given = [files.get(argument, argument) for argument in arguments]
        told = of_program([*given, "--at", fields["moment"]] if "--at" not in options else given, case["input"])
        if isinstance(told, str) and (" named " in told or "--at" in told or "--token" in told or "-file" in options or "--jwks" in options):
            continue  # what is said of an option, or of a file by its name
        assert_same(shared, fields, told)
        compared += 1
    print(f"{compared} of {len(recorded)} cases compared")
    assert compared > 150, f"{compared} of {len(recorded)}"
