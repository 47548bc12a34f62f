"""The native edition as a shared object: what it needs of Envoy is there, and what Envoy demands of it."""

import os
import re
import shutil
import subprocess

import pytest

import harness
import samples
from expect import unauthorized

pytestmark = pytest.mark.skipif(
    not harness.NATIVE_MODULE.is_file(), reason=f"{harness.NATIVE_MODULE.name} is not there: `make native` makes it"
)

# Envoy refuses a module that lacks one of these.
DEMANDED = {
    "envoy_dynamic_module_on_program_init",
    *(
        f"envoy_dynamic_module_on_http_filter_{name}"
        for name in """config_new config_destroy new destroy request_headers request_body request_trailers response_headers
        response_body response_trailers stream_complete http_callout_done scheduled http_stream_headers http_stream_data
        http_stream_trailers http_stream_complete http_stream_reset downstream_above_write_buffer_high_watermark
        downstream_below_write_buffer_low_watermark""".split()
    ),
}


# Those that were built: for this kind of machine, and for others.
BUILDS = sorted([*harness.DIST.glob("libjwt_auth.so"), *harness.DIST.glob("*/libjwt_auth.so")])
MACHINES = {62: "x86_64", 183: "aarch64"}

# Loads a shared object with an Envoy around it that has the functions and does nothing, binding all of them at once.
LOADER = """
#include <dlfcn.h>
#include <stdio.h>
int main(int count, char **arguments) {
    void *module = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
    const char *(*init)(void) = module ? dlsym(module, "envoy_dynamic_module_on_program_init") : 0;
    puts(init ? init() : dlerror());
}
"""


def symbols(path, kind):
    """The dynamic symbols of the ABI that a file defines, or needs of others."""
    output = subprocess.run(["nm", "--dynamic", f"--{kind}", str(path)], check=True, capture_output=True, text=True).stdout
    return set(re.findall(r"\b(envoy_dynamic_module_\w+)$", output, re.MULTILINE))


def test_the_module_has_all_that_envoy_demands():
    assert DEMANDED <= symbols(harness.NATIVE_MODULE, "defined-only")


def test_it_needs_no_library_but_those_of_c():
    output = subprocess.run(
        ["readelf", "--dynamic", str(harness.NATIVE_MODULE)], check=True, capture_output=True, text=True
    ).stdout
    needed = set(re.findall(r"\(NEEDED\).*\[(.+)\]", output))
    assert needed <= {"libc.so.6", "libgcc_s.so.1", "libm.so.6", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}


def machine(path):
    return MACHINES[int.from_bytes(path.read_bytes()[18:20], "little")]


@pytest.mark.parametrize("build", BUILDS, ids=machine)
def test_each_build_loads_where_all_is_bound_at_once(tmp_path, build):
    arch = machine(build)
    is_own = arch == os.uname().machine
    compiler = "cc" if is_own else f"{arch}-linux-gnu-gcc"
    emulator = [] if is_own else [f"qemu-{arch}-static", "-L", f"/usr/{arch}-linux-gnu"]
    for program in [compiler, *emulator[:1]]:
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")
    functions = "".join(f"long {name}(void) {{ return 0; }}\n" for name in symbols(build, "undefined-only"))
    source, loader = tmp_path / "loader.c", tmp_path / "loader"
    source.write_text(functions + LOADER)
    subprocess.run([compiler, "-rdynamic", "-o", loader, source, "-ldl"], check=True)
    said = subprocess.run([*emulator, loader, build], check=True, capture_output=True, text=True).stdout
    assert said in ("v0.1.0\n", "v0.2.0\n")


DESCRIBE = harness.DIST.parent / "scripts" / "describe_native.sh"
PROMISED = re.search(r"^baseline=(.+)$", DESCRIBE.read_text(), re.MULTILINE)[1]


def describe(script, build):
    return subprocess.run(["sh", script, build], capture_output=True, text=True)


@pytest.mark.parametrize("build", BUILDS, ids=machine)
def test_no_build_needs_a_newer_glibc_than_the_documentation_promises(tmp_path, build):
    assert f"glibc {PROMISED} or newer" in (harness.DIST.parent / "docs" / "native.md").read_text()
    described = describe(DESCRIBE, build)
    assert (described.returncode, described.stderr) == (0, "")
    needed = re.search(r", glibc ([0-9.]+) or newer$", described.stdout.rstrip())[1]

    major, minor = needed.split(".")
    stricter = tmp_path / "describe.sh"
    stricter.write_text(DESCRIBE.read_text().replace(f"baseline={PROMISED}", f"baseline={major}.{int(minor) - 1}"))
    refused = describe(stricter, build)
    assert refused.returncode == 1
    assert "must not need a newer glibc" in refused.stderr


def test_envoy_runs_the_sample(upstream, tmp_path, monkeypatch):
    monkeypatch.setattr(harness, "LOGGER", "dynamic_modules")
    text = samples.text("native.yaml")
    for port, own in ("9901", "0"), ("8080", "0"), ("8081", str(upstream.port)):
        assert text.count(f"port_value: {port}") == 1
        text = text.replace(f"port_value: {port}", f"port_value: {own}")
    with harness.Envoy(None, upstream, tmp_path, bootstrap=text) as envoy:
        unauthorized(envoy["http"].send())
        assert "jwt_auth: denied: no token" in envoy.log()
        needed = symbols(harness.NATIVE_MODULE, "undefined-only")
        assert len(needed) > 15
        assert needed <= symbols(envoy.program(), "defined-only"), "Envoy has all that the module calls"
