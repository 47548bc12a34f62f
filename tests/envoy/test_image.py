"""The OCI images of both editions, read back by the specification, and by skopeo where it is installed."""

import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "oci_image.py"
sys.path.append(str(SCRIPT.parent))
import oci_image  # noqa: E402  (after the line that makes it importable)

DIST = SCRIPT.parents[1] / "dist"
MODULE = DIST / "jwt-auth.wasm"
TAG = "1.2.3"

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"

needs_skopeo = pytest.mark.skipif(not shutil.which("skopeo"), reason="skopeo is not installed")


def make(directory, **environment):
    return subprocess.run(
        [sys.executable, SCRIPT],
        env={**os.environ, "IMAGE_DIR": str(directory), "IMAGE_TAG": TAG, **environment},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    directory = tmp_path_factory.mktemp("image")
    result = make(directory)
    assert (result.returncode, result.stderr) == (0, "")
    return directory


@pytest.fixture
def layout(image):
    return image / "jwt-auth-oci"


def index(layout):
    return json.loads((layout / "index.json").read_bytes())


def blob(layout, descriptor):
    """What a descriptor stands for; it must be of the size and the digest that it says."""
    algorithm, digest = descriptor["digest"].split(":")
    data = (layout / "blobs" / algorithm / digest).read_bytes()
    assert (hashlib.new(algorithm, data).hexdigest(), len(data)) == (digest, descriptor["size"])
    return data


def test_the_layout_holds_one_image_under_its_tag(layout):
    assert json.loads((layout / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    [descriptor] = index(layout)["manifests"]
    assert descriptor["mediaType"] == MANIFEST
    assert descriptor["annotations"] == {"org.opencontainers.image.ref.name": TAG}


def assert_holds(layout, descriptor, name, mode, data, architecture):
    """The image has one layer with one file, and is for one architecture."""
    manifest = json.loads(blob(layout, descriptor))
    assert (manifest["schemaVersion"], manifest["mediaType"]) == (2, MANIFEST)
    [layer] = manifest["layers"]
    assert layer["mediaType"] == LAYER
    contents = gzip.decompress(blob(layout, layer))
    with tarfile.open(fileobj=io.BytesIO(contents)) as archive:
        [entry] = archive.getmembers()
        assert (entry.name, entry.mode, entry.isfile()) == (name, mode, True)
        assert archive.extractfile(entry).read() == data
    assert manifest["config"]["mediaType"] == CONFIG
    config = json.loads(blob(layout, manifest["config"]))
    assert config["rootfs"] == {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(contents).hexdigest()}"]}
    assert (config["os"], config["architecture"]) == ("linux", architecture)
    return manifest


def test_the_only_layer_holds_the_module_as_plugin_wasm(layout):
    [descriptor] = index(layout)["manifests"]
    manifest = assert_holds(layout, descriptor, "plugin.wasm", 0o644, MODULE.read_bytes(), "amd64")
    assert manifest["annotations"]["module.wasm.image/variant"] == "compat"


def test_no_blob_is_left_that_nothing_names(layout):
    [descriptor] = index(layout)["manifests"]
    manifest = json.loads(blob(layout, descriptor))
    named = [descriptor, manifest["config"], *manifest["layers"]]
    blobs = {f"sha256:{path.name}" for path in (layout / "blobs" / "sha256").iterdir()}
    assert blobs == {descriptor["digest"] for descriptor in named}


def test_the_same_module_gives_the_same_image(image, tmp_path):
    assert make(tmp_path).returncode == 0
    assert (tmp_path / "jwt-auth-oci.tar").read_bytes() == (image / "jwt-auth-oci.tar").read_bytes()


def test_the_tar_holds_the_files_of_the_folder(image, layout):
    with tarfile.open(image / "jwt-auth-oci.tar") as archive:
        in_tar = {entry.name: archive.extractfile(entry).read() for entry in archive}
    in_folder = {path.relative_to(layout).as_posix(): path.read_bytes() for path in layout.rglob("*") if path.is_file()}
    assert in_tar == in_folder


def test_the_digest_is_told(tmp_path):
    for told in make(tmp_path).stdout.splitlines():
        folder = told.partition(",")[0]
        [descriptor] = index(Path(folder))["manifests"]
        assert told == f"{folder}, {folder}.tar: tag {TAG}, {descriptor['digest']}"


@pytest.mark.parametrize(
    "name, value", [("IMAGE_TAG", "a tag"), ("IMAGE_TAG", "-x"), ("IMAGE_PLATFORM", "linux"), ("IMAGE_PLATFORM", "A/b")]
)
def test_a_name_that_no_registry_takes_is_refused(tmp_path, name, value):
    result = make(tmp_path, **{name: value})
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"{name}={value}: expected ")
    assert not list(tmp_path.iterdir())


@needs_skopeo
@pytest.mark.parametrize("form", ["oci:jwt-auth-oci", "oci-archive:jwt-auth-oci.tar"])
def test_skopeo_copies_the_image_and_finds_the_module_in_it(image, tmp_path, form):
    copied = tmp_path / "copied"
    subprocess.run(["skopeo", "copy", "--quiet", f"{form}:{TAG}", f"dir:{copied}"], cwd=image, check=True)
    [layer] = json.loads((copied / "manifest.json").read_bytes())["layers"]
    with tarfile.open(copied / layer["digest"].removeprefix("sha256:")) as archive:
        assert archive.extractfile("plugin.wasm").read() == MODULE.read_bytes()


@needs_skopeo
def test_skopeo_reads_the_platform_that_was_asked_for(tmp_path):
    assert make(tmp_path, IMAGE_PLATFORM="linux/arm64").returncode == 0
    command = ["skopeo", "inspect", f"oci:{tmp_path / 'jwt-auth-oci'}:{TAG}"]
    told = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    assert (told["Os"], told["Architecture"]) == ("linux", "arm64")


def elf(machine, more=b""):
    """What stands at the beginning of a shared object for a kind of machine."""
    return b"\x7fELF\2\1\1" + bytes(9) + (3).to_bytes(2, "little") + machine.to_bytes(2, "little") + more


BUILDS = {"amd64": elf(62, b"for x86-64"), "arm64": elf(183, b"for aarch64")}


def write_native(directory, own, others=()):
    """The image of builds as `make native` leaves them: this machine's in the folder, others below it."""
    (directory / "libjwt_auth.so").write_bytes(own)
    for name, data in dict(others).items():
        (directory / name).mkdir()
        (directory / name / "libjwt_auth.so").write_bytes(data)
    oci_image.write("jwt-auth-native-oci", oci_image.native_builds(directory), TAG, {}, directory)
    return directory / "jwt-auth-native-oci"


@pytest.mark.parametrize("architecture", BUILDS)
def test_the_native_edition_of_one_architecture_is_one_image(tmp_path, architecture):
    layout = write_native(tmp_path, BUILDS[architecture])
    [descriptor] = index(layout)["manifests"]
    assert descriptor["mediaType"] == MANIFEST
    assert_holds(layout, descriptor, "libjwt_auth.so", 0o755, BUILDS[architecture], architecture)


@pytest.mark.parametrize("own, other", [("amd64", "arm64"), ("arm64", "amd64")])
def test_the_native_edition_of_two_architectures_is_an_index_of_two_images(tmp_path, own, other):
    layout = write_native(tmp_path, BUILDS[own], {"other": BUILDS[other]})
    [top] = index(layout)["manifests"]
    assert (top["mediaType"], top["annotations"]) == (INDEX, {"org.opencontainers.image.ref.name": TAG})
    inner = json.loads(blob(layout, top))
    assert (inner["schemaVersion"], inner["mediaType"]) == (2, INDEX)
    assert [image["platform"] for image in inner["manifests"]] == [
        {"os": "linux", "architecture": architecture} for architecture in ("amd64", "arm64")
    ]
    for descriptor in inner["manifests"]:
        architecture = descriptor["platform"]["architecture"]
        assert_holds(layout, descriptor, "libjwt_auth.so", 0o755, BUILDS[architecture], architecture)


@pytest.mark.parametrize("data", [b"", b"\0asm\1\0\0\0", elf(40)], ids=["empty", "Wasm", "32 bits of ARM"])
def test_a_file_for_another_machine_is_refused(tmp_path, data):
    with pytest.raises(oci_image.Problem, match="not a shared object for x86-64 or aarch64"):
        write_native(tmp_path, data)


@pytest.mark.skipif(not (DIST / "libjwt_auth.so").is_file(), reason="make native makes the module")
def test_the_image_holds_the_native_edition_that_was_built(image):
    builds = [path.read_bytes() for path in [DIST / "libjwt_auth.so", *DIST.glob("*/libjwt_auth.so")]]
    assert sorted(file.data for file in oci_image.native_builds(DIST)) == sorted(builds)
    assert (image / "jwt-auth-native-oci.tar").is_file()


@needs_skopeo
@pytest.mark.parametrize("architecture", BUILDS)
def test_skopeo_chooses_the_architecture(tmp_path, architecture):
    layout = write_native(tmp_path, BUILDS["amd64"], {"aarch64": BUILDS["arm64"]})
    copied = tmp_path / "copied"
    choice = ["--override-arch", architecture, "--override-os", "linux"]
    subprocess.run(["skopeo", *choice, "copy", "--quiet", f"oci:{layout}:{TAG}", f"dir:{copied}"], check=True)
    [layer] = json.loads((copied / "manifest.json").read_bytes())["layers"]
    with tarfile.open(copied / layer["digest"].removeprefix("sha256:")) as archive:
        assert archive.extractfile("libjwt_auth.so").read() == BUILDS[architecture]
