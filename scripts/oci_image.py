"""`make image`: writes both editions as OCI images, without a daemon.

dist/jwt-auth-oci holds the Wasm module, in the layout that Istio and Envoy Gateway pull: the "compat" variant of the Wasm
image specification, one layer with one file, plugin.wasm. dist/jwt-auth-native-oci holds the native edition: one layer with
one file, libjwt_auth.so, to mount as a volume or to copy from. It has an image for each architecture that was built.

Each is written twice: as a folder (the OCI image layout), and as a tar of that folder. Nothing in it depends on when or
where it was made: the same files give the same digest with the same zlib.

Environment:
  IMAGE_DIR       the folder that they are written to, dist unless given
  IMAGE_TAG       the tag, the version in Cargo.toml unless given
  IMAGE_PLATFORM  os/architecture that the image of the Wasm module claims, linux/amd64 unless given. Istio and Envoy Gateway
                  do not look at it; a kubelet that mounts the image as a volume does, and wants its node's.
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
DIST = ROOT / "dist"
MODULE = DIST / "jwt-auth.wasm"
NATIVE_MODULE = "libjwt_auth.so"
CARGO = ROOT / "Cargo.toml"

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
GZIP = 31  # zlib's window bits for a gzip stream; its header holds no time and no name

# The names that OCI has for the machines that an ELF file may be for.
ELF_MACHINES = {62: "amd64", 183: "arm64"}


class Problem(Exception):
    """What the person at the terminal can put right; the text says how."""


@dataclass(frozen=True)
class File:
    """The only file of an image, and the platform that it is for."""

    name: str
    mode: int
    data: bytes
    platform: dict[str, str]

    def as_layer(self) -> bytes:
        """A tar with the file."""
        return tar({self.name: self.data}, self.mode)


@dataclass
class Layout:
    """The files of an OCI image layout, by their paths in it."""

    files: dict[str, bytes] = field(default_factory=lambda: {"oci-layout": as_json({"imageLayoutVersion": "1.0.0"})})

    def add_blob(self, media_type: str, data: bytes) -> dict[str, object]:
        """Adds a blob, and gives its descriptor."""
        digest = hashlib.sha256(data).hexdigest()
        self.files[f"blobs/sha256/{digest}"] = data
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}

    def add_image(self, file: File, labels: dict[str, str], annotations: dict[str, str]) -> dict[str, object]:
        """Adds an image, and gives the descriptor of its manifest."""
        contents = file.as_layer()
        compressor = zlib.compressobj(9, wbits=GZIP)
        layer = self.add_blob(LAYER, compressor.compress(contents) + compressor.flush())
        config = {
            **file.platform,
            "config": {"Labels": labels},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(contents).hexdigest()}"]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.add_blob(CONFIG, as_json(config)),
            "layers": [layer],
            "annotations": {**labels, **annotations},
        }
        return self.add_blob(MANIFEST, as_json(manifest))

    def add_index(self, images: list[tuple[File, dict[str, object]]]) -> dict[str, object]:
        """Adds an index of the images for several platforms, and gives its descriptor."""
        manifests = [{**descriptor, "platform": file.platform} for file, descriptor in images]
        return self.add_blob(INDEX, as_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}))

    def tag(self, descriptor: dict[str, object], tag: str) -> None:
        tagged = {**descriptor, "annotations": {"org.opencontainers.image.ref.name": tag}}
        self.files["index.json"] = as_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": [tagged]})

    def write_folder(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        for name, data in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)

    def write_tar(self, path: Path) -> None:
        path.write_bytes(tar(self.files, 0o644))


def tar(files: dict[str, bytes], mode: int) -> bytes:
    """A tar of the files, of nobody and of no time."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), mode
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def native_builds(directory: Path) -> list[File]:
    """The native edition for each architecture that it was built for."""
    paths = sorted([*directory.glob(NATIVE_MODULE), *directory.glob(f"*/{NATIVE_MODULE}")])
    builds = {}
    for path in paths:
        data = path.read_bytes()
        machine = ELF_MACHINES.get(int.from_bytes(data[18:20], "little")) if data.startswith(b"\x7fELF") else None
        if machine is None:
            raise Problem(f"{path}: not a shared object for x86-64 or aarch64.")
        builds[machine] = File(NATIVE_MODULE, 0o755, data, {"os": "linux", "architecture": machine})
    return [builds[machine] for machine in sorted(builds)]


def write(name: str, files: list[File], tag: str, annotations: dict[str, str], directory: Path) -> None:
    """Writes a layout with the files, an image for each, and says where."""
    title = name.removesuffix("-oci")
    labels = {
        "org.opencontainers.image.title": title,
        "org.opencontainers.image.version": crate_version(),
        "org.opencontainers.image.licenses": "Apache-2.0",
    }
    layout = Layout()
    images = [(file, layout.add_image(file, labels, annotations)) for file in files]
    [(_, only), *more] = images
    top = layout.add_index(images) if more else only
    layout.tag(top, tag)
    layout.write_folder(directory / name)
    layout.write_tar(directory / f"{name}.tar")
    print(f"{directory / name}, {directory / name}.tar: tag {tag}, {top['digest']}")


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


def platform_from(text: str) -> dict[str, str]:
    if not re.fullmatch(r"[a-z0-9]+/[a-z0-9]+", text):
        raise Problem(f"IMAGE_PLATFORM={text}: expected os/architecture, such as linux/arm64.")
    system, architecture = text.split("/")
    return {"os": system, "architecture": architecture}


def main() -> int:
    try:
        tag = tag_from(os.environ.get("IMAGE_TAG") or crate_version())
        platform = platform_from(os.environ.get("IMAGE_PLATFORM") or "linux/amd64")
        if not MODULE.is_file():
            raise Problem(f"{MODULE.relative_to(ROOT)} is not there: `make build` makes it.")
        native = native_builds(DIST)
    except Problem as problem:
        print(problem, file=sys.stderr)
        return 2
    directory = Path(os.environ.get("IMAGE_DIR") or os.path.relpath(DIST))
    module = File("plugin.wasm", 0o644, MODULE.read_bytes(), platform)
    write("jwt-auth-oci", [module], tag, {"module.wasm.image/variant": "compat"}, directory)
    if native:
        write("jwt-auth-native-oci", native, tag, {}, directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
