"""`make release`: gathers in dist/release what a release consists of, after make has built it. With `check` it only says whether
the tag can be released, before make builds for minutes.

The same commit gives the same bytes wherever and whenever it is built with the same tools: archives carry the time of the
commit, and nobody's name. SHA256SUMS covers every file.

Environment:
  RELEASE_TAG  the tag that is released, as v1.0.0. It must be the version in Cargo.toml and the commit that is checked out, with
               nothing changed, and the changelog must have all in the section of that version. Without it the files are a
               trial, and their section is that of what is not released yet, if there is anything, else that of the version.
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
from html.parser import HTMLParser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
RELEASE = DIST / "release"
WASM = "wasm32-wasip1"
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

# The package and the target that each file is built from. VERSION stands for it. Both Wasm modules are of the same crates.
BUILT_FROM = {
    "jwt-auth.wasm": ("jwt-auth-filter", WASM),
    "jwt-auth.html": ("jwt-auth-page", WASM),
    "libjwt_auth-x86_64.so": ("jwt-auth-native", "x86_64-unknown-linux-gnu"),
    "libjwt_auth-aarch64.so": ("jwt-auth-native", "aarch64-unknown-linux-gnu"),
    **{f"jwt-auth-VERSION-{machine}-linux.tar.gz": ("jwt-auth", target) for machine, target in TARGETS.items()},
}


class Problem(Exception):
    """What the person at the terminal can put right; the text says how."""


def main(step: str | None = None) -> None:
    tag = os.environ.get("RELEASE_TAG")
    version = workspace_version((ROOT / "Cargo.toml").read_text())
    changes = changelog_section((ROOT / "CHANGELOG.md").read_text(), version, tag)
    if tag is not None:
        demand_commit_of(tag, ROOT)
    if step == "check":
        return
    time = int(run("git", "log", "-1", "--format=%ct"))

    shutil.rmtree(RELEASE, ignore_errors=True)
    RELEASE.mkdir(parents=True)
    for name, built in BUILT.items():
        shutil.copyfile(DIST / built, RELEASE / name)
    shutil.copyfile(ROOT / "packaging" / "Dockerfile", RELEASE / "Dockerfile")
    programs = {machine: ROOT / "target" / target / "release" / "jwt-auth" for machine, target in TARGETS.items()}
    write_programs(programs, version, time)
    write_bills_of_materials(version, time)
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
    unreleased = texts.get("Unreleased")
    if tag is not None and unreleased:
        raise Problem(f"CHANGELOG.md has something under [Unreleased]: move it to [{version}], or release it under another version.")
    text = unreleased or texts.get(version)
    if not text:
        raise Problem(f"CHANGELOG.md has no section [{version}], or nothing in it.")
    return text + "\n"


def demand_commit_of(tag: str, root: Path) -> None:
    """Demands that what is built is the commit of the tag, and nothing else."""
    if run("git", "status", "--porcelain", root=root):
        raise Problem(f"Something is not committed, so this is not {tag}: `git status` says what.")
    head = run("git", "rev-parse", "HEAD", root=root)
    if tag not in run("git", "tag", "--points-at", head.strip(), root=root).split():
        raise Problem(f"The commit that is checked out is not that of a tag {tag}: git checkout {tag}.")


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


def write_bills_of_materials(version: str, time: int) -> None:
    """A CycloneDX document for each file with code, of all crates that it is built from."""
    documents = {target: documents_for(target, time) for target in {target for _, target in BUILT_FROM.values()}}
    for name, (package, target) in BUILT_FROM.items():
        document = without_place(only(crates_of(package, target), documents[target][package]))
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        (RELEASE / f"{name.replace('VERSION', version)}.cdx.json").write_text(text)


def documents_for(target: str, time: int) -> dict[str, dict]:
    """What cargo-cyclonedx writes for each package of the workspace."""
    name = "bill-of-materials"
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(time)}
    run("cargo", "cyclonedx", "--target", target, "--format", "json", "--spec-version", "1.5", "--override-filename", name, env=environment)
    packages = json.loads(run("cargo", "metadata", "--locked", "--no-deps", "--format-version", "1"))["packages"]
    written = {package["name"]: Path(package["manifest_path"]).with_name(f"{name}.json") for package in packages}
    documents = {package: json.loads(path.read_text()) for package, path in written.items()}
    for path in written.values():
        path.unlink()
    return documents


def crates_of(package: str, target: str) -> set[tuple[str, str]]:
    """The crates, with their versions, that cargo takes to build this package alone for the target."""
    tree = run("cargo", "tree", "--locked", "--package", package, "--target", target, "--edges", "normal,build", "--prefix", "none")
    return {(name, version.removeprefix("v")) for name, version, *_ in map(str.split, tree.splitlines())}


def only(crates: set[tuple[str, str]], document: dict) -> dict:
    """The document without the crates that only other packages of the workspace, or features that these turn on, take."""
    top = document["metadata"]["component"]
    kept = [part for part in document["components"] if (part["name"], part["version"]) in crates]
    if missing := crates - {(part["name"], part["version"]) for part in [top, *kept]}:
        raise Problem(f"cargo cyclonedx does not know of {sorted(missing)} in {top['name']}.")
    refs = {part["bom-ref"] for part in [top, *kept]}
    dependencies = [
        {**entry, **({"dependsOn": [ref for ref in entry["dependsOn"] if ref in refs]} if "dependsOn" in entry else {})}
        for entry in document["dependencies"]
        if entry["ref"] in refs
    ]
    return {**document, "components": kept, "dependencies": dependencies}


def without_place(document: dict[str, object]) -> dict[str, object]:
    """The document without the folder that it was made in, and with a serial number that follows from what it says."""
    text = json.dumps(document, sort_keys=True).replace(ROOT.as_uri(), "file:///jwt-auth-filter")
    placeless = json.loads(text)
    placeless.pop("serialNumber", None)
    number = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(placeless, sort_keys=True))
    return {**placeless, "serialNumber": f"urn:uuid:{number}"}


def third_party_licences() -> str:
    """The licences of all crates that go out, with the texts that the crates carry, and those of what each target brings: Rust's
    standard library, and the C library below it. No server is asked for a licence."""
    run("cargo", "fetch", "--locked")  # cargo-about reads the crates of all targets, also of those that nothing is built for
    crates = run("cargo", "about", "generate", "--frozen", "--fail", "--workspace", "scripts/licences.hbs")
    rust = Path(run("rustc", "--print", "sysroot").strip()) / "share" / "doc" / "rust" / "COPYRIGHT-library.html"
    if not rust.is_file():
        raise Problem(f"{rust} is not there, which rustup installs with the compiler: the licences of the standard library.")
    library = (ROOT / "packaging" / "C-LIBRARY-LICENSES.txt").read_text()
    return f"\n{'=' * 80}\n".join([crates, text_of(rust.read_text()), library])


def text_of(html: str) -> str:
    """What a page of HTML says, without more than one empty line at a time."""
    parts: list[str] = []
    parser = HTMLParser()
    parser.handle_data = parts.append
    parser.feed(html)
    return re.sub(r"\n(?:[ \t]*\n){2,}", "\n\n", "".join(parts)).strip() + "\n"


def write_sums() -> None:
    """SHA256SUMS, for `sha256sum --check`."""
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(RELEASE.iterdir())]
    (RELEASE / "SHA256SUMS").write_text("".join(sums))


def run(*command: str, env: dict[str, str] | None = None, root: Path = ROOT) -> str:
    """What a command prints, in the folder of the project."""
    path = f"{ROOT / '.tools' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command, cwd=root, env={**(env or os.environ), "PATH": path}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise Problem(f"{' '.join(command[:3])} failed:\n{done.stderr.strip()}")
    return done.stdout


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Problem as problem:
        sys.exit(str(problem))
