"""What docs/install.md does with the files of a release, where nothing but these is there: no Rust, and no make."""

import json
import os
import platform
import re
import shutil
import subprocess
import sys

import pytest

import harness
import samples
from samples import ROOT

sys.path.append(str(ROOT / "scripts"))
import release  # noqa: E402

PROGRAM = ROOT / "target" / "debug" / "jwt-auth"
MACHINE = platform.machine()
VERSION = release.workspace_version((ROOT / "Cargo.toml").read_text())
DOCKERFILE = ROOT / "packaging" / "Dockerfile"
BUILDAH = shutil.which("buildah")

needs_native = pytest.mark.skipif(not harness.NATIVE_MODULE.exists(), reason=f"{harness.NATIVE_MODULE} is not there: `make native` makes it")
needs_skopeo = pytest.mark.skipif(not shutil.which("skopeo"), reason="skopeo is not installed")
needs_buildah = pytest.mark.skipif(
    not BUILDAH or os.geteuid() != 0, reason="packaging/Dockerfile is not tried: it takes buildah, as root (Debian and Ubuntu: apt install buildah)"
)


def commands(begin):
    """The commands of the page that begin so."""
    _, section = (ROOT / "docs" / "install.md").read_text().split("\n## Without a Rust toolchain\n")
    section, *_ = section.split("\n## ")
    lines = re.findall(r"(?m)^    (.+)$", section)
    return [line.replace("1.0.0", VERSION) for line in lines if line.startswith(begin)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files as those of a release, of which the program is the one that the tests have, with the libraries of this system."""
    if not harness.MODULE.exists():
        pytest.skip(f"{harness.MODULE} is not there: `make build` makes it")
    made = tmp_path_factory.mktemp("downloads")
    shutil.copy(harness.MODULE, made / "jwt-auth.wasm")
    shutil.copy(DOCKERFILE, made)
    if harness.NATIVE_MODULE.exists():
        shutil.copy(harness.NATIVE_MODULE, made / f"libjwt_auth-{MACHINE}.so")
    environment = {**os.environ, "IMAGE_DIR": str(made), "IMAGE_TAG": VERSION}
    subprocess.run([sys.executable, ROOT / "scripts" / "oci_image.py"], env=environment, check=True)
    for image in made.glob("*-oci"):
        shutil.rmtree(image)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(release, "RELEASE", made)
        release.write_programs({MACHINE: PROGRAM}, VERSION, 0)
        release.write_sums()
    return made


@pytest.fixture
def root(tmp_path):
    """What the commands take for the root of the file system."""
    made = tmp_path / "root"
    (made / "usr" / "local").mkdir(parents=True)
    return made


def sh(command, folder, root):
    command = re.sub(r" (/usr/local|/etc/envoy)\b", rf" {root}\1", command.removeprefix("sudo "))
    done = subprocess.run(["sh", "-euc", command], cwd=folder, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def test_what_was_downloaded_is_checked_by_its_sums(folder, root, tmp_path):
    [command] = commands("sha256sum")
    some = tmp_path / "some"
    some.mkdir()
    for name in ["SHA256SUMS", "jwt-auth.wasm"]:
        shutil.copy(folder / name, some)
    assert sh(command, some, root) == "jwt-auth.wasm: OK\n"
    (some / "jwt-auth.wasm").write_bytes(b"something else")
    with pytest.raises(AssertionError, match="jwt-auth.wasm: FAILED"):
        sh(command, some, root)


def test_the_module_is_put_where_the_sample_looks_for_it(folder, root):
    [wasm, _] = commands("sudo install")
    sh(wasm, folder, root)
    [place] = set(re.findall(r"filename: (\S+\.wasm)", samples.text("minimal.yaml")))
    assert (root / place.lstrip("/")).read_bytes() == harness.MODULE.read_bytes()


@needs_native
def test_the_native_edition_is_put_into_the_folder_that_envoy_searches(folder, root):
    [_, native] = commands("sudo install")
    sh(native, folder, root)
    assert (root / "usr/local/lib/libjwt_auth.so").read_bytes() == harness.NATIVE_MODULE.read_bytes()


def test_the_program_is_installed_with_its_manual_and_completions(folder, root):
    for command in [*commands("tar "), *commands("sudo cp ")]:
        sh(command, folder, root)
    local = root / "usr" / "local"
    checked = subprocess.run([local / "bin" / "jwt-auth", "check", samples.SAMPLES / "envoy.yaml"], capture_output=True, text=True)
    assert checked.returncode == 0 and "0 faults" in checked.stdout
    assert f"jwt-auth {VERSION}" in (local / "share/man/man1/jwt-auth.1").read_text()
    assert {path.name for path in local.rglob("*jwt-auth*") if "man1" not in path.parts} == {"jwt-auth", "_jwt-auth", "jwt-auth.fish"}
    assert not (local / "LICENSE").exists()


@needs_skopeo
@needs_native
def test_the_images_go_to_a_registry_as_they_are(folder, root, tmp_path):
    # A registry is a folder here.
    for command in commands("skopeo copy"):
        place = re.search(r"docker://\S+/([\w-]+):", command)
        sh(command.replace(place[0], f"dir:{tmp_path}/{place[1]}-").replace("copy", "copy --quiet"), folder, root)
        assert (tmp_path / f"{place[1]}-{VERSION}" / "manifest.json").is_file()


def test_the_linter_has_nothing_to_say_of_the_dockerfile():
    hadolint = shutil.which("hadolint", path=os.path.dirname(sys.executable)) or shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("hadolint is not installed")
    subprocess.run([hadolint, DOCKERFILE], check=True)


class Images:
    """Images that buildah makes, in a store of its own. What runs in them has this system's libraries, for there are none in them."""

    def __init__(self, directory):
        self._command = [BUILDAH, "--storage-driver", "vfs", "--root", directory / "store", "--runroot", directory / "run"]

    def do(self, *arguments, cwd=None):
        done = subprocess.run([*self._command, *arguments], cwd=cwd, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def build(self, command, folder, *more):
        """Does what a `docker build` of the page does."""
        *arguments, context = command.removeprefix("docker build ").split()
        self.do("bud", "--isolation", "chroot", *arguments, *more, context, cwd=folder)
        return arguments[arguments.index("--tag") + 1]

    def run(self, image, command, **mounted):
        """Runs a command in it, with folders mounted at the root under their names."""
        container = self.do("from", "--pull-never", image).split()[-1]
        mounted.update({name: f"/{name}" for name in ["lib", "lib64"] if os.path.isdir(f"/{name}")})
        volumes = [f"--volume={path}:/{name}:ro" for name, path in mounted.items()]
        return self.do("run", "--isolation", "chroot", *volumes, container, "--", *command)


@pytest.fixture
def images(tmp_path):
    return Images(tmp_path)


@needs_buildah
def test_the_image_of_the_program_runs_it(folder, images):
    [build, _] = commands("docker build")
    [run] = commands("docker run")
    image = images.build(build, folder)
    config = json.loads(images.do("inspect", "--type", "image", image))["OCIv1"]["config"]
    assert (config["User"], config["WorkingDir"]) == ("65534:65534", "/work")
    _, asked = run.split(f" {image} ")
    told = images.run(image, [*config["Entrypoint"], *asked.split()], work=samples.SAMPLES)
    assert "envoy.yaml: 1 configuration, 0 faults" in told


@needs_buildah
@needs_native
def test_envoy_loads_both_editions_in_its_image(folder, images, tmp_path):
    [_, build] = commands("docker build")
    image = images.build(build, folder, "--build-arg", "ENVOY=scratch", "--build-arg", f"MACHINE={MACHINE}")
    configurations = tmp_path / "configurations"
    configurations.mkdir()
    (configurations / "wasm.yaml").write_text(samples.text("envoy.yaml").replace("dist/jwt-auth.wasm", "/etc/envoy/jwt-auth.wasm"))
    (configurations / "native.yaml").write_text(samples.text("native.yaml"))
    binary = harness.envoy_binary()
    for edition in ["wasm", "native"]:
        command = [f"/envoy/{binary.name}", "--mode", "validate", "-c", f"/configurations/{edition}.yaml"]
        told = images.run(image, command, envoy=binary.parent, configurations=configurations)
        assert "configured with 1 credential keys" in told and f"'/configurations/{edition}.yaml' OK" in told
