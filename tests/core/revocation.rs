//! Tokens that are revoked before they expire.

use crate::{
    hs256,
    support::{FakeRequest, answer, serialized_struct},
};
use jwt_auth_filter::{
    authenticate::Authenticator,
    config::Config,
    crypto::BuiltIn,
    encoding::json::Members,
    policy::Credential,
    reply::Reply,
    revocation::{Entry, Marks, RevocationSet},
};
use serde_json::{Value as Json, json};

const NOW: u64 = 1_700_000_000;
/// The same in RFC 3339.
const NOW_TEXT: &str = "2023-11-14T22:13:20Z";
const SECRET: &str = "c2VjcmV0";

fn token(claims: Json) -> String {
    hs256::signed(r#"{"alg":"HS256"}"#, &claims, SECRET.as_bytes())
}

/// Alice, who has two credentials, and Bob.
fn config(fields: Json) -> Json {
    let credential = |key: &str| json!({"key": key, "secret": SECRET});
    let mut config = json!({"consumers": [
        {"username": "alice", "id": "1", "jwt_secrets": [credential("a"), credential("a2")]},
        {"username": "bob", "custom_id": "b-1", "jwt_secrets": [credential("b")]},
        {"username": "guest"},
    ]});
    config.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    config
}

fn authenticator(fields: Json) -> Authenticator<BuiltIn> {
    Authenticator::new(Config::parse(config(fields).to_string().as_bytes()).unwrap(), BuiltIn)
}

fn revoking(entry: Json) -> Authenticator<BuiltIn> {
    authenticator(json!({"revoked": [entry]}))
}

fn bearing(claims: Json) -> FakeRequest {
    FakeRequest::get("/").with("authorization", format!("Bearer {}", token(claims)))
}

fn passes(authenticator: &Authenticator<BuiltIn>, claims: Json) -> bool {
    match answer(authenticator, &bearing(claims), NOW) {
        Ok(_) => true,
        Err(Reply { status, body, www_authenticate, .. }) => {
            assert_eq!((status, body.as_str()), (401, r#"{"message":"Token revoked"}"#));
            assert_eq!(www_authenticate.unwrap(), r#"Bearer error="invalid_token""#);
            false
        }
    }
}

#[test]
fn a_token_is_revoked_by_its_jti_its_sub_its_consumer_or_its_credential() {
    let token = || json!({"iss": "a", "jti": "7", "sub": "s", "iat": NOW});
    for entry in [
        json!({"jti": "7"}),
        json!({"sub": "s"}),
        json!({"consumer": "alice"}),
        json!({"consumer": "1"}),
        json!({"credential": "a"}),
        json!({"jti": "7", "credential": "a"}),
        json!({"sub": "s", "credential": "a"}),
    ] {
        assert!(!passes(&revoking(entry.clone()), token()), "{entry}");
        // The same, of tokens that were issued before a time.
        let mut before = entry.clone();
        before["issued_before"] = json!(NOW_TEXT);
        let authenticator = revoking(before);
        let at = |iat: Json| {
            let mut claims = token();
            claims["iat"] = iat;
            passes(&authenticator, claims)
        };
        assert!(at(json!(NOW)) && at(json!(NOW + 1)), "{entry}");
        assert!(!at(json!(NOW - 1)) && !at(json!(NOW as f64 - 0.5)), "{entry}");
        assert!(!at(Json::Null) && !at(json!("1700000001")), "{entry}: one that does not say when it was issued");
    }
}

#[test]
fn nothing_else_is_revoked() {
    let token = || json!({"iss": "a", "jti": "7", "sub": "s", "iat": NOW});
    for entry in [
        json!({"jti": "70"}),
        json!({"jti": "s"}),
        json!({"jti": "sub:s"}),
        json!({"jti": ":7"}),
        json!({"sub": "7"}),
        json!({"sub": "S"}),
        json!({"consumer": "bob"}),
        json!({"credential": "a2"}),
        json!({"jti": "7", "credential": "a2"}),
        json!({"sub": "s", "credential": "b"}),
    ] {
        assert!(passes(&revoking(entry.clone()), token()), "{entry}");
    }
    let authenticator = revoking(json!({"jti": "7"}));
    for claims in [json!({"iss": "a"}), json!({"iss": "a", "jti": null}), json!({"iss": "a", "jti": ["7"]})] {
        assert!(passes(&authenticator, claims));
    }
    assert!(!passes(&authenticator, json!({"iss": "a", "jti": 7})), "a number is the text that it is written as");
}

#[test]
fn a_token_cannot_be_made_to_have_the_mark_of_another() {
    // What stands for a `jti` of one credential cannot be written as that of another, or as a plain one.
    let authenticator = authenticator(json!({"revoked": [{"jti": "2:x", "credential": "a"}, {"sub": "x"}]}));
    for jti in ["a2:x", "x", "credential-jti:1:a2:x", "1:a2:x", "sub:x", "2:x"] {
        assert!(passes(&authenticator, json!({"iss": "a2", "jti": jti})), "{jti}");
    }
    assert!(!passes(&authenticator, json!({"iss": "a", "jti": "2:x"})));
}

#[test]
fn a_remembered_token_is_revoked_as_well() {
    let first = authenticator(json!({}));
    let request = bearing(json!({"iss": "a", "jti": "7", "iat": NOW}));
    assert!(answer(&first, &request, NOW).is_ok() && answer(&first, &request, NOW).is_ok());
    let authenticator = revoking(json!({"jti": "7"}));
    for _ in 0..3 {
        assert!(answer(&authenticator, &request, NOW).is_err());
    }
    assert_eq!((authenticator.cache_use().hits, authenticator.cache_use().misses), (2, 1));
}

#[test]
fn a_revoked_token_may_pass_as_anonymous_like_any_that_is_not_valid() {
    let fields = |kinds: Json| json!({"revoked": [{"jti": "7"}], "anonymous": "guest", "anonymous_for": kinds});
    let outcome = |kinds: Json| {
        let request = bearing(json!({"iss": "a", "jti": "7"}));
        authenticator(fields(kinds)).decide(&request, NOW).outcome.name().into_owned()
    };
    assert_eq!(outcome(Json::Null), "anonymous");
    assert_eq!(outcome(json!(["missing", "expired", "unavailable"])), "denied.revoked");
}

#[test]
fn a_jti_of_60_kilobytes_is_a_jti() {
    let long = "j".repeat(60_000);
    let authenticator = revoking(json!({"jti": long}));
    assert!(!passes(&authenticator, json!({"iss": "a", "jti": long})));
    assert!(passes(&authenticator, json!({"iss": "a", "jti": long + "j"})));
}

#[test]
fn what_names_nobody_or_nothing_is_a_fault() {
    let faults = |entry: Json| {
        let config = config(json!({"revoked": [entry]}));
        let lines = |bytes: &[u8]| match Config::parse(bytes) {
            Ok(_) => Vec::new(),
            Err(faults) => faults.iter().map(ToString::to_string).collect::<Vec<_>>(),
        };
        let found = lines(config.to_string().as_bytes());
        assert_eq!(lines(&serialized_struct(&config)), found);
        found
    };
    let one = "expected jti or sub, with or without credential, or consumer, or credential";
    for (entry, expected) in [
        (json!({}), format!("revoked[0]: nothing that is revoked; {one}")),
        (json!({"issued_before": NOW_TEXT}), format!("revoked[0]: nothing that is revoked; {one}")),
        (json!({"jti": "7", "sub": "s"}), format!("revoked[0]: jti and sub; {one}")),
        (json!({"consumer": "bob", "credential": "b"}), format!("revoked[0]: consumer and credential; {one}")),
        (
            json!({"consumer": "carol"}),
            "revoked[0].consumer: \"carol\", which is not the name of a consumer; expected the id or username of one of the consumers".to_owned(),
        ),
        (
            json!({"credential": "c"}),
            "revoked[0].credential: the key of no credential; expected the key of one of the credentials".to_owned(),
        ),
        (
            json!({"jti": "7", "issued_before": "2023-11-14"}),
            "revoked[0].issued_before: a text that is no time with its offset; expected a time such as 2026-11-25T00:00:00Z".to_owned(),
        ),
        (json!({"jti": ""}), "revoked[0].jti: an empty string; expected a name".to_owned()),
        (json!({"jti": 7}), "revoked[0].jti: a number; expected a string".to_owned()),
        (
            json!({"jti": "7", "exp": 7}),
            "revoked[0].exp: an unknown field; expected one of jti, sub, consumer, credential, issued_before".to_owned(),
        ),
    ] {
        assert_eq!(faults(entry), [expected]);
    }
}

/// The entries of a list, and a token's marks.
fn entry(json: Json) -> Entry {
    serde_json::from_value(json).unwrap()
}

fn marks(claims: Json) -> Marks {
    let config = Config::parse(config(json!({})).to_string().as_bytes()).unwrap();
    let credential: &Credential = &config.credentials.identified_by("a")[0];
    Marks::of(&Members::parse(&claims.to_string()).unwrap(), credential)
}

#[test]
fn a_set_is_shared_as_it_is_searched_and_octets_of_no_set_are_refused() {
    let numbers = (0..1000).map(|at| entry(json!({"jti": at.to_string()})));
    let times = (0..1000).map(|at| entry(json!({"sub": at.to_string(), "issued_before": NOW_TEXT})));
    let set = RevocationSet::new(numbers.chain(times));
    assert_eq!((set.len(), set.is_empty()), (2000, false));
    let shared = RevocationSet::from_octets(set.octets().to_vec()).unwrap();
    assert_eq!(shared, set);
    for at in 0..1000 {
        let by_jti = marks(json!({"jti": at.to_string()}));
        let by_sub = marks(json!({"sub": at.to_string()}));
        assert!(shared.revokes(&by_jti, Some(1e12)));
        assert!(shared.revokes(&by_sub, Some(NOW as f64 - 1.0)) && !shared.revokes(&by_sub, Some(NOW as f64)));
    }
    assert!(!shared.revokes(&marks(json!({"jti": "1000", "sub": "1001"})), None));

    let octets = set.octets();
    let mut unsorted = octets.to_vec();
    unsorted[8..40].rotate_left(16);
    let mut too_many = octets.to_vec();
    too_many[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    for broken in [&[], &octets[..7], &octets[..octets.len() - 1], &octets[1..], &unsorted, &too_many] {
        assert!(RevocationSet::from_octets(broken.to_vec()).is_none());
    }
    assert!(RevocationSet::from_octets(vec![0; 8]).unwrap().is_empty());
}

#[test]
fn of_two_entries_for_the_same_the_one_that_revokes_more_counts() {
    let early = json!({"sub": "s", "issued_before": "2020-01-01T00:00:00Z"});
    let late = json!({"sub": "s", "issued_before": NOW_TEXT});
    for entries in [[&early, &late], [&late, &early]] {
        let set = RevocationSet::new(entries.map(|it| entry(it.clone())));
        assert_eq!(set.len(), 1);
        assert!(set.revokes(&marks(json!({"sub": "s"})), Some(NOW as f64 - 1.0)));
        assert!(!set.revokes(&marks(json!({"sub": "s"})), Some(NOW as f64)));
    }
    let set = RevocationSet::new([entry(late), entry(json!({"sub": "s"}))]);
    assert!(set.revokes(&marks(json!({"sub": "s"})), Some(NOW as f64)));
}
