//! Lists of revoked tokens against a second reader, which keeps what is written as it is and looks through all of it for each
//! token; and the octets that workers share of a list.

#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use jwt_auth_filter::{
    config::Config,
    encoding::json::Members,
    policy::Credential,
    revocation::{Marks, RevocationSet},
};
use jwt_auth_fuzz::{
    has_member_twice,
    revocations::{CONFIGURATION, Claimed, Plain, Written},
};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
enum Case {
    List { written: Written, tokens: Vec<Claimed> },
    Shared(Vec<u8>),
}

thread_local! {
    static CONFIG: Config = Config::parse(CONFIGURATION.as_bytes()).expect("the configuration is good");
}

// A list as text begins with `{`, which is odd.
fuzz_target!(|octets: &[u8]| match octets {
    [first, drawn @ ..] if first % 2 == 0 => match Case::arbitrary(&mut Unstructured::new(drawn)) {
        Ok(Case::List { written, tokens }) => check(&written.text(), &tokens),
        Ok(Case::Shared(octets)) => check_shared(octets),
        Err(_) => {}
    },
    _ => _ = std::str::from_utf8(octets).map(|text| check(text, &Claimed::some())),
});

fn check(text: &str, tokens: &[Claimed]) {
    let known = serde_json::from_str(text).ok();
    let plain = known.as_ref().filter(|known| !has_member_twice(text, known)).and_then(Plain::read);
    let set = RevocationSet::read(text.as_bytes()).ok();
    assert_eq!(set.is_some(), plain.is_some(), "only one of them takes the list: {text}");
    let (Some(set), Some(plain)) = (set, plain) else { return };
    assert_eq!(set.len(), plain.count(), "{text}");
    let shared = RevocationSet::from_octets(set.octets().to_vec()).expect("what one worker shares, another reads");
    for token in tokens {
        for at in plain.times(token) {
            let expected = plain.revokes(token, at);
            for set in [&set, &shared] {
                assert_eq!(set.revokes(&marks(token), at), expected, "{token:?} of {at:?} by {text}");
            }
        }
    }
}

fn check_shared(octets: Vec<u8>) {
    let Some(set) = RevocationSet::from_octets(octets.clone()) else { return };
    assert_eq!(set.octets(), octets);
    assert!(8 + set.len() * 16 <= octets.len() && set.is_empty() == (octets.len() == 8));
    for token in Claimed::some() {
        _ = set.revokes(&marks(&token), None);
    }
}

fn marks(token: &Claimed) -> Marks {
    let claims = token.claims().to_string();
    let claims = Members::parse(&claims).expect("an object");
    CONFIG.with(|config| {
        let credential: &Credential = &config.credentials.identified_by(token.credential())[0];
        Marks::of(&claims, credential)
    })
}
