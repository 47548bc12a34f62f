"""The native edition as a shared object: what it needs of Envoy is there, and what Envoy demands of it."""

import re
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
