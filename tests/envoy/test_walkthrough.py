"""The commands of docs/walkthrough.md with a real Envoy, and what it makes of a file that they change while it watches."""

import re
import shutil
import subprocess

import harness
import samples
import yaml
from samples import ROOT

PROGRAM = ROOT / "target" / "debug" / "jwt-auth"
PAGE = (ROOT / "docs" / "walkthrough.md").read_text()


def sh(command, folder):
    """Runs a command of the page, and gives what it prints."""
    path = f"{PROGRAM.parent}:/usr/local/bin:/usr/bin:/bin"
    done = subprocess.run(["sh", "-c", command], cwd=folder, env={"PATH": path}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_call_of_the_page_is_answered_as_it_says(upstream, tmp_path):
    [kong] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "kong.yaml").write_text(kong)
    calls = []
    before, _ = PAGE.split("## What the token says")
    for block in re.findall(r"```console\n(.*?)```", before, re.DOTALL):
        for command, told in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n?)*)", block, re.MULTILINE):
            if command.startswith("curl "):
                calls.append((command, told.strip()))
            else:
                sh(command.replace("/etc/envoy/jwt-auth.wasm", str(harness.MODULE)), tmp_path)
    config = yaml.safe_load((tmp_path / "envoy.yaml").read_text())
    for address in samples.addresses([config["admin"], config["static_resources"]["listeners"]]):
        address.update(address=harness.LOOPBACK, port_value=0)
    [service] = samples.addresses(config["static_resources"]["clusters"])
    service.update(address=harness.LOOPBACK, port_value=upstream.port)
    [listener] = [it["name"] for it in config["static_resources"]["listeners"]]
    assert len(calls) == 4 and shutil.which("curl")
    with harness.Envoy(None, upstream, tmp_path, "debug", bootstrap=config) as envoy:
        host, port = envoy[listener].address
        for command, told in calls:
            assert sh(command.replace("127.0.0.1:8000", f"{host}:{port}"), tmp_path).strip() == told, command


def test_a_watching_envoy_takes_each_change_at_once(upstream, tmp_path):
    folder = tmp_path / "watched"
    folder.mkdir()
    document = samples.document("ecds/jwt-auth.yaml")
    [plugin] = samples.filters(document)
    samples.fill_in(plugin)
    plugin["configuration"]["value"]["consumers"] = []
    (folder / "jwt-auth.yaml").write_text(yaml.safe_dump(document))
    config = samples.runnable(samples.document("ecds/envoy.yaml"), upstream)
    for item in samples.walk(config):
        if isinstance(item, dict) and "path_config_source" in item:
            item["path_config_source"].update(
                path=str(folder / "jwt-auth.yaml"), watched_directory={"path": str(folder)}
            )
    with harness.Envoy(None, upstream, tmp_path, "debug", bootstrap=config) as envoy:
        listener = envoy["http"]
        options = "--config jwt-auth.yaml"

        def passes(key):
            token = sh(f"jwt-auth token --key {key} --claim iss=app", folder).strip()
            return listener.bearer(token).status == 200

        sh(f"jwt-auth consumer add ClientApp {options}", folder)
        sh(f"jwt-auth credential add ClientApp {options} --key app --generate --algorithm ES256 > old.pem", folder)
        harness.until(lambda: passes("old.pem"), "the first key to work")
        sh(f"jwt-auth credential rotate ClientApp {options} --generate > new.pem", folder)
        harness.until(lambda: passes("new.pem") and passes("old.pem"), "both keys to work")
        sh(f"jwt-auth credential remove ClientApp {options} --number 1", folder)
        harness.until(lambda: passes("new.pem") and not passes("old.pem"), "the old key to stop working")
        updates = harness.updates(envoy)
        assert updates["update_rejected"] == updates["update_failure"] == 0
