"""`make image`: writes the module as an OCI image, without a daemon, in the layout that Istio and Envoy Gateway pull.

The image is of the "compat" variant of the Wasm image specification: one layer, a gzipped tar, and in it one file,
plugin.wasm. It is written twice: as a folder (the OCI image layout), and as a tar of that folder. Nothing in it depends
on when or where it was made: the same module gives the same digest with the same zlib.

Environment:
  IMAGE_DIR       the folder that they are written to, dist unless given
  IMAGE_TAG       the tag, the version in Cargo.toml unless given
  IMAGE_PLATFORM  os/architecture that the image claims, linux/amd64 unless given. Istio and Envoy Gateway do not look at
                  it; a kubelet that mounts the image as a volume does, and wants its node's.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import sys
import tarfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULE = ROOT / "dist" / "jwt-auth.wasm"
CARGO = ROOT / "Cargo.toml"
NAME = "jwt-auth-oci"

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
GZIP = 31  # zlib's window bits for a gzip stream; its header holds no time and no name


class Problem(Exception):
    """What the person at the terminal can put right; the text says how."""


@dataclass
class Layout:
    """The files of an OCI image layout, by their paths in it."""

    files: dict[str, bytes] = field(default_factory=dict)

    def add_blob(self, media_type: str, data: bytes) -> dict[str, object]:
        """Adds a blob, and gives its descriptor."""
        digest = hashlib.sha256(data).hexdigest()
        self.files[f"blobs/sha256/{digest}"] = data
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}

    def write_folder(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        for name, data in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)

    def write_tar(self, path: Path) -> None:
        path.write_bytes(tar(self.files))


def tar(files: dict[str, bytes]) -> bytes:
    """A tar of the files, each readable by all, of nobody and of no time."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def image(module: bytes, version: str, tag: str, platform: tuple[str, str]) -> tuple[Layout, str]:
    """The layout of an image that holds the module, and the digest of its manifest."""
    layout = Layout({"oci-layout": as_json({"imageLayoutVersion": "1.0.0"})})
    contents = tar({"plugin.wasm": module})
    compressor = zlib.compressobj(9, wbits=GZIP)
    layer = layout.add_blob(LAYER, compressor.compress(contents) + compressor.flush())
    labels = {
        "org.opencontainers.image.title": "jwt-auth",
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.licenses": "Apache-2.0",
    }
    system, architecture = platform
    config = {
        "architecture": architecture,
        "os": system,
        "config": {"Labels": labels},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(contents).hexdigest()}"]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": layout.add_blob(CONFIG, as_json(config)),
        "layers": [layer],
        "annotations": {**labels, "module.wasm.image/variant": "compat"},
    }
    descriptor = layout.add_blob(MANIFEST, as_json(manifest))
    tagged = {**descriptor, "annotations": {"org.opencontainers.image.ref.name": tag}}
    layout.files["index.json"] = as_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": [tagged]})
    return layout, str(descriptor["digest"])


def as_json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def crate_version() -> str:
    match = re.search(r'^version = "(.+)"$', CARGO.read_text(), re.MULTILINE)
    if not match:
        raise Problem(f"{CARGO.name} has no version.")
    return match[1]


def tag_from(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", text):
        raise Problem(f"IMAGE_TAG={text}: expected letters, digits, '.', '_' and '-', at most 128 of them.")
    return text


def platform_from(text: str) -> tuple[str, str]:
    if not re.fullmatch(r"[a-z0-9]+/[a-z0-9]+", text):
        raise Problem(f"IMAGE_PLATFORM={text}: expected os/architecture, such as linux/arm64.")
    system, architecture = text.split("/")
    return system, architecture


def main() -> int:
    try:
        version = crate_version()
        tag = tag_from(os.environ.get("IMAGE_TAG") or version)
        platform = platform_from(os.environ.get("IMAGE_PLATFORM") or "linux/amd64")
        if not MODULE.is_file():
            raise Problem(f"{MODULE.relative_to(ROOT)} is not there: `make build` makes it.")
    except Problem as problem:
        print(problem, file=sys.stderr)
        return 2
    layout, digest = image(MODULE.read_bytes(), version, tag, platform)
    directory = Path(os.environ.get("IMAGE_DIR") or os.path.relpath(MODULE.parent))
    layout.write_folder(directory / NAME)
    layout.write_tar(directory / f"{NAME}.tar")
    print(f"{directory / NAME}, {directory / NAME}.tar: tag {tag}, {digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
