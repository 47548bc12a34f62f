//! Project Wycheproof's vectors: signatures by which implementations have been fooled.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jwt_auth_filter::crypto::{Algorithm::*, Key};
use wycheproof::TestResult;

/// A public key, given as SubjectPublicKeyInfo.
fn key(der: &[u8]) -> Result<Key, String> {
    Key::from_text(&pem(der)).map_err(|error| error.to_string())
}

fn pem(der: &[u8]) -> String {
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der))
}

/// Checks one verdict. `Acceptable` is up to the implementation: legacy forms that one may refuse.
fn check(what: &str, id: usize, expected: TestResult, verified: bool) {
    match expected {
        TestResult::Valid => assert!(verified, "{what} {id} is valid"),
        TestResult::Invalid => assert!(!verified, "{what} {id} is invalid"),
        TestResult::Acceptable => {}
    }
}

#[test]
fn ecdsa() {
    use wycheproof::ecdsa::{TestName, TestSet};
    let mut count = 0;
    for (name, algorithm) in [
        (TestName::EcdsaSecp256r1Sha256P1363, ES256),
        (TestName::EcdsaSecp384r1Sha384P1363, ES384),
        (TestName::EcdsaSecp521r1Sha512P1363, ES512),
    ] {
        for group in TestSet::load(name).unwrap().test_groups {
            let key = key(&group.der).unwrap();
            for test in group.tests {
                check("ECDSA", test.tc_id, test.result, crate::verify(&key, algorithm, &test.msg, &test.sig));
                count += 1;
            }
        }
    }
    assert!(count > 700, "{count}");
}

/// A JWS carries r‖s: the DER form of the same signatures must not verify, the valid ones least of all.
#[test]
fn ecdsa_in_der_never_verifies() {
    use wycheproof::ecdsa::{TestName, TestSet};
    for (name, algorithm) in [
        (TestName::EcdsaSecp256r1Sha256, ES256),
        (TestName::EcdsaSecp384r1Sha384, ES384),
        (TestName::EcdsaSecp521r1Sha512, ES512),
    ] {
        for group in TestSet::load(name).unwrap().test_groups {
            let key = key(&group.der).unwrap();
            for test in group.tests {
                assert!(!crate::verify(&key, algorithm, &test.msg, &test.sig), "{algorithm} {}", test.tc_id);
            }
        }
    }
}

#[test]
fn eddsa() {
    use wycheproof::eddsa::{TestName, TestSet};
    for name in [TestName::Ed25519, TestName::Ed448] {
        for group in TestSet::load(name).unwrap().test_groups {
            let key = key(&group.der).unwrap();
            for test in group.tests {
                check("EdDSA", test.tc_id, test.result, crate::verify(&key, EdDSA, &test.msg, &test.sig));
            }
        }
    }
}

#[test]
fn rsa_pkcs1() {
    use wycheproof::rsa_pkcs1_verify::{TestName, TestSet};
    for (name, algorithm) in [
        (TestName::Rsa2048Sha256, RS256),
        (TestName::Rsa2048Sha384, RS384),
        (TestName::Rsa2048Sha512, RS512),
        (TestName::Rsa3072Sha256, RS256),
        (TestName::Rsa3072Sha384, RS384),
        (TestName::Rsa3072Sha512, RS512),
        (TestName::Rsa4096Sha256, RS256),
        (TestName::Rsa4096Sha384, RS384),
        (TestName::Rsa4096Sha512, RS512),
    ] {
        for group in TestSet::load(name).unwrap().test_groups {
            let key = key(&group.der).unwrap();
            for test in group.tests {
                check("RSA PKCS#1", test.tc_id, test.result, crate::verify(&key, algorithm, &test.msg, &test.sig));
            }
        }
    }
}

#[test]
fn rsa_pss_with_the_salt_length_of_jwa() {
    use wycheproof::rsa_pss_verify::{TestName, TestSet};
    for (name, algorithm) in [
        (TestName::RsaPss2048Sha256Mgf1SaltLen32, PS256),
        (TestName::RsaPss2048Sha384Mgf1SaltLen48, PS384),
        (TestName::RsaPss3072Sha256Mgf1SaltLen32, PS256),
        (TestName::RsaPss4096Sha256Mgf1SaltLen32, PS256),
        (TestName::RsaPss4096Sha384Mgf1SaltLen48, PS384),
        (TestName::RsaPss4096Sha512Mgf1SaltLen64, PS512),
    ] {
        for group in TestSet::load(name).unwrap().test_groups {
            let key = key(&group.der).unwrap();
            for test in group.tests {
                check("RSA PSS", test.tc_id, test.result, crate::verify(&key, algorithm, &test.msg, &test.sig));
            }
        }
    }
}

/// RFC 7518 §3.5: the salt is as long as the hash. A signature that is valid with another length is not one here.
#[test]
fn rsa_pss_with_another_salt_length_never_verifies() {
    use wycheproof::rsa_pss_verify::{TestName, TestSet};
    for (name, algorithm) in
        [(TestName::RsaPss2048Sha256Mgf1SaltLen0, PS256), (TestName::RsaPss4096Sha512Mgf1SaltLen32, PS512)]
    {
        for group in TestSet::load(name).unwrap().test_groups {
            let key = key(&group.der).unwrap();
            for test in group.tests.iter().filter(|test| test.result == TestResult::Valid) {
                assert!(!crate::verify(&key, algorithm, &test.msg, &test.sig), "{algorithm} {}", test.tc_id);
            }
        }
    }
}

#[test]
fn ml_dsa() {
    use wycheproof::mldsa_verify::{TestName, TestSet};
    for (name, algorithm) in
        [(TestName::MlDsa44Verify, MlDsa44), (TestName::MlDsa65Verify, MlDsa65), (TestName::MlDsa87Verify, MlDsa87)]
    {
        for group in TestSet::load(name).unwrap().test_groups {
            let key = key(&group.der);
            for test in group.tests {
                // JOSE signs with the empty context: what was signed with another must not verify.
                let has_context = test.ctx.as_ref().is_some_and(|context| !context.is_empty());
                let expected = if has_context { TestResult::Invalid } else { test.result };
                let verified = key.as_ref().is_ok_and(|key| crate::verify(key, algorithm, &test.msg, &test.sig));
                check("ML-DSA", test.tc_id, expected, verified);
            }
        }
    }
}

#[test]
fn hmac() {
    use wycheproof::mac::{TestName, TestSet};
    for (name, algorithm, tag_bits) in
        [(TestName::HmacSha256, HS256, 256), (TestName::HmacSha384, HS384, 384), (TestName::HmacSha512, HS512, 512)]
    {
        for group in TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                let Some(key) = Key::from_secret(test.key.to_vec()) else { continue };
                // A tag that is cut off is none, even where the vector is about cut ones (RFC 7518 §3.2).
                let expected = if group.tag_size == tag_bits { test.result } else { TestResult::Invalid };
                check("HMAC", test.tc_id, expected, crate::verify(&key, algorithm, &test.msg, &test.tag));
            }
        }
    }
}

#[test]
fn keys_come_out_of_a_jwk_as_they_do_out_of_der() {
    use wycheproof::ecdsa::{TestName, TestSet};
    let set = TestSet::load(TestName::EcdsaSecp256r1Sha256P1363).unwrap();
    let group = set.test_groups.iter().find(|group| group.jwk.is_some()).unwrap();
    let jwk = group.jwk.as_ref().unwrap();
    let json = format!(
        r#"{{"kty":"EC","crv":"P-256","x":"{}","y":"{}"}}"#,
        URL_SAFE_NO_PAD.encode(&jwk.affine_x),
        URL_SAFE_NO_PAD.encode(&jwk.affine_y)
    );
    let key = Key::from_text(&json).unwrap();
    for test in &group.tests {
        check("ECDSA by JWK", test.tc_id, test.result, crate::verify(&key, ES256, &test.msg, &test.sig));
    }
}
