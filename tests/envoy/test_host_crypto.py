"""Who checks signatures: Envoy, where the configuration lets it and it has shown that it can."""

import re

import harness
from consumers import PARTNER, PARTNER_ISSUER, RS256, plugin
from expect import BAD_SIGNATURE, passed, refused
from tokens import key

LOG_LEVEL = "info"
LISTENERS = {"auto": plugin(PARTNER), "off": plugin(PARTNER, host_crypto="off")}

BY_HOST = "signatures: RS256, RS384, RS512, ES256, ES384, ES512 are verified by the host, all others in this module"
IN_MODULE = "signatures: all algorithms are verified in this module"
FOREIGN = key("RS256", "foreign")


def lines(log):
    """What the filter said of it, in the order in which it did."""
    return re.findall(rf"\[info\]\[{harness.LOGGER}\] .*{harness.SAYS}(signatures: .*)", log)


def test_a_worker_says_once_which_algorithm_is_verified_where(upstream, tmp_path):
    for listener, line in [("auto", BY_HOST), ("off", IN_MODULE)]:
        with harness.Envoy({listener: LISTENERS[listener]}, upstream, tmp_path, "info") as envoy:
            for _ in range(3):
                passed(envoy[listener].bearer(RS256.token(iss=PARTNER_ISSUER)), PARTNER, PARTNER_ISSUER)
                refused(envoy[listener].bearer(FOREIGN.token(iss=PARTNER_ISSUER)), BAD_SIGNATURE)
            envoy.wait_for_log(re.escape(line))
            assert set(lines(envoy.log())) == {line}
            # Envoy tries a configuration in its main thread too, where no request asks for a signature.
            assert len(lines(envoy.log())) <= (1 if listener == "auto" else 3)


def test_the_host_is_asked_first_by_a_request(upstream, tmp_path):
    with harness.Envoy({"auto": LISTENERS["auto"]}, upstream, tmp_path, "info") as envoy:
        envoy.wait_for_log("configured with")
        assert lines(envoy.log()) == []


def test_envoy_never_fails_at_it(envoy):
    for listener in LISTENERS:
        envoy[listener].bearer(RS256.token(iss=PARTNER_ISSUER))
        envoy[listener].bearer(FOREIGN.token(iss=PARTNER_ISSUER))
    assert re.findall(r"host_crypto_fallbacks: (\d+)", envoy.admin("/stats?filter=host_crypto")) == ["0"]
