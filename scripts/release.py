"""`make release`: gathers in dist/release what a release consists of, after make has built it.

The same commit gives the same bytes wherever and whenever it is built with the same tools: archives carry the time of the
commit, and nobody's name. SHA256SUMS covers every file.

Environment:
  RELEASE_TAG  the tag that is released, as v1.0.0. It must be the version in Cargo.toml, and the changelog must have a section
               for it. Without it the files are a trial, and their section is that of what is not released yet, if there is
               anything, else that of the version.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
RELEASE = DIST / "release"
TARGETS = {"x86_64": "x86_64-unknown-linux-musl", "aarch64": "aarch64-unknown-linux-musl"}

# What make leaves in dist and goes out as it is, with the name that it has there.
BUILT = {
    "jwt-auth.wasm": "jwt-auth.wasm",
    "jwt-auth-portable.wasm": "jwt-auth-portable.wasm",
    "jwt-auth-oci.tar": "jwt-auth-oci.tar",
    "jwt-auth.html": "jwt-auth.html",
    "libjwt_auth-x86_64.so": "libjwt_auth.so",
    "libjwt_auth-aarch64.so": "aarch64/libjwt_auth.so",
    "jwt-auth-native-oci.tar": "jwt-auth-native-oci.tar",
}

# The packages that go out, each with a bill of materials of its own.
PACKAGES = ("jwt-auth-filter", "jwt-auth-native", "jwt-auth")


class Problem(Exception):
    """What the person at the terminal can put right; the text says how."""


def main() -> None:
    version = workspace_version((ROOT / "Cargo.toml").read_text())
    changes = changelog_section((ROOT / "CHANGELOG.md").read_text(), version, os.environ.get("RELEASE_TAG"))
    time = int(run("git", "log", "-1", "--format=%ct"))

    shutil.rmtree(RELEASE, ignore_errors=True)
    RELEASE.mkdir(parents=True)
    for name, built in BUILT.items():
        shutil.copyfile(DIST / built, RELEASE / name)
    shutil.copyfile(ROOT / "packaging" / "Dockerfile", RELEASE / "Dockerfile")
    programs = {machine: ROOT / "target" / target / "release" / "jwt-auth" for machine, target in TARGETS.items()}
    write_programs(programs, version, time)
    write_bills_of_materials(time)
    (RELEASE / "THIRD-PARTY-LICENSES.txt").write_text(third_party_licences())
    (RELEASE / "CHANGES.md").write_text(changes)
    write_sums()
    for path in sorted(RELEASE.iterdir()):
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size} bytes")


def workspace_version(manifest: str) -> str:
    """The version of all packages."""
    [version] = re.findall(r'(?m)^version = "(.+)"$', manifest)
    return version


def changelog_section(changelog: str, version: str, tag: str | None) -> str:
    """What the changelog says of the version that is released under the tag; without one, rather of what is not released."""
    if tag is not None and tag != f"v{version}":
        raise Problem(f"The tag is {tag}, and the version in Cargo.toml is {version}: change one of them.")
    sections = re.split(r"(?m)^## \[(.+?)\].*\n", changelog)
    texts = {title: text.strip() for title, text in zip(sections[1::2], sections[2::2], strict=True)}
    text = (texts.get("Unreleased") if tag is None else None) or texts.get(version)
    if not text:
        raise Problem(f"CHANGELOG.md has no section [{version}], or nothing in it.")
    return text + "\n"


def write_programs(programs: dict[str, Path], version: str, time: int) -> None:
    """An archive of the program for each kind of machine: manual pages and completions are those that this machine's prints."""
    with tempfile.TemporaryDirectory() as folder:
        staged = Path(folder)
        run("sh", "scripts/install.sh", str(programs[platform.machine()]), str(staged))
        for machine, program in programs.items():
            shutil.copyfile(program, staged / "bin" / "jwt-auth")
            name = f"jwt-auth-{version}-{machine}-linux"
            files = {str(path.relative_to(staged)): path for path in staged.rglob("*") if path.is_file()}
            files |= {"LICENSE": ROOT / "LICENSE", "README.md": ROOT / "docs" / "cli.md"}
            (RELEASE / f"{name}.tar.gz").write_bytes(archive(name, files, time))


def archive(folder: str, files: dict[str, Path], time: int) -> bytes:
    """A gzipped tar of the files below the folder, of nobody and of the time."""
    contents = io.BytesIO()
    with tarfile.open(fileobj=contents, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, path in sorted(files.items()):
            data = path.read_bytes()
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size, entry.mtime, entry.mode = len(data), time, 0o755 if name.startswith("bin/") else 0o644
            tar.addfile(entry, io.BytesIO(data))
    return gzip.compress(contents.getvalue(), mtime=0)


def write_bills_of_materials(time: int) -> None:
    """A CycloneDX document for each package, of all crates that it is built from."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(time)}
    name = "bom"
    run("cargo", "cyclonedx", "--format", "json", "--spec-version", "1.5", "--override-filename", name, env=environment)
    written = {path: json.loads(path.read_text()) for path in sorted(ROOT.glob(f"**/{name}.json")) if "target" not in path.parts}
    for path, document in written.items():
        path.unlink()
        package = document["metadata"]["component"]["name"]
        if package in PACKAGES:
            text = json.dumps(without_place(document), indent=2, ensure_ascii=False) + "\n"
            (RELEASE / f"{package}.cdx.json").write_text(text)
    if missing := [package for package in PACKAGES if not (RELEASE / f"{package}.cdx.json").exists()]:
        raise Problem(f"cargo cyclonedx wrote no document for {', '.join(missing)}.")


def without_place(document: dict[str, object]) -> dict[str, object]:
    """The document without the folder that it was made in, and with a serial number that follows from what it says."""
    text = json.dumps(document, sort_keys=True).replace(ROOT.as_uri(), "file:///jwt-auth-filter")
    placeless = json.loads(text)
    placeless.pop("serialNumber", None)
    number = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(placeless, sort_keys=True))
    return {**placeless, "serialNumber": f"urn:uuid:{number}"}


def third_party_licences() -> str:
    """The licences of all crates that go out, with the texts that the crates carry: no server is asked."""
    return run("cargo", "about", "generate", "--frozen", "--fail", "--workspace", "scripts/licences.hbs")


def write_sums() -> None:
    """SHA256SUMS, for `sha256sum --check`."""
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(RELEASE.iterdir())]
    (RELEASE / "SHA256SUMS").write_text("".join(sums))


def run(*command: str, env: dict[str, str] | None = None) -> str:
    """What a command prints, in the folder of the project."""
    path = f"{ROOT / '.tools' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command, cwd=ROOT, env={**(env or os.environ), "PATH": path}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise Problem(f"{' '.join(command[:3])} failed:\n{done.stderr.strip()}")
    return done.stdout


if __name__ == "__main__":
    try:
        main()
    except Problem as problem:
        sys.exit(str(problem))
