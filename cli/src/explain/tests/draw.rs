//! How cases are drawn: mostly of what is good, so that every check is come to.

use std::fmt::Debug;

use jwt_auth_filter::crypto::Algorithm;
use proptest::{prelude::*, sample};
use serde_json::{Value, json};

use super::{
    case::{
        Access, Alg, Asked, Bound, Carried, Case, Credential, Dpop, Form, Iss, Issuer, Keys, MAXIMUM, Method, PLACES,
        Policy, Proof, Rule, Shown, Time, Token,
    },
    keys::{Jwk, Key},
};

fn mostly<T: Clone + Debug + 'static>(usual: T, weight: u32, others: impl Into<Vec<T>>) -> impl Strategy<Value = T> {
    prop_oneof![weight => Just(usual), 1 => sample::select(others.into())]
}

fn jwk(keys: impl Into<Vec<Key>>) -> impl Strategy<Value = Jwk> {
    let kid = sample::select(vec![None, None, Some("1"), Some("2")]);
    let algorithm = sample::select(vec![None, Some(0), Some(1)]);
    (sample::select(keys.into()), kid, algorithm).prop_map(|(key, kid, algorithm)| Jwk {
        key,
        kid,
        algorithm: algorithm.and_then(|at| key.algorithms().get(at).copied()),
    })
}

fn set() -> impl Strategy<Value = Vec<Jwk>> {
    let usual = || jwk([Key::SECRETS.as_slice(), &Key::PUBLIC].concat());
    prop_oneof![
        8 => prop::collection::vec(usual(), 1..4),
        1 => prop::collection::vec(usual(), 8..14),
        1 => prop::collection::vec(jwk([Key::Ed448]), 3..5),
    ]
}

fn issuer() -> impl Strategy<Value = Issuer> {
    let set = prop_oneof![6 => set().prop_map(Some), 1 => Just(Some(Vec::new())), 2 => Just(None)];
    (set, mostly(None, 3, [Some("1")])).prop_map(|(set, revoked)| Issuer { set, revoked })
}

fn keys() -> impl Strategy<Value = Keys> {
    let secret = (sample::select(Key::SECRETS.to_vec()), sample::select(Key::SecretA.algorithms().to_vec()));
    let public = (sample::select(Key::PUBLIC.to_vec()), any::<bool>()).prop_map(|(key, first)| {
        let algorithms = key.algorithms();
        Keys::One(key, algorithms[if first { 0 } else { algorithms.len() - 1 }])
    });
    // An algorithm that no key of the set serves is refused.
    let inline = (set(), any::<bool>()).prop_map(|(keys, has_algorithm)| {
        let algorithm = has_algorithm.then(|| keys[0].algorithm.unwrap_or(keys[0].key.algorithms()[0]));
        Keys::Inline(keys, algorithm)
    });
    let remote = (0..2usize, mostly(None, 3, [Algorithm::EdDSA, Algorithm::Ed25519, Algorithm::ES256].map(Some)));
    prop_oneof![
        2 => secret.prop_map(|(key, algorithm)| Keys::One(key, algorithm)),
        1 => public,
        2 => inline,
        3 => remote.prop_map(|(issuer, algorithm)| Keys::Remote(issuer, algorithm)),
    ]
}

fn policy() -> impl Strategy<Value = Policy> {
    let access = mostly(Access::Everybody, 1, [Access::OnlyC0, Access::NotC0, Access::NotGuest]);
    let places = prop_oneof![3 => Just([true, false, false, false, false, false]), 1 => any::<[bool; PLACES]>()];
    let places = (places, mostly(false, 3, [true]));
    let constraint = mostly("if_bound", 4, ["off", "required"]);
    let dpop = sample::select(vec![Dpop::Off, Dpop::On, Dpop::WithNonces]);
    let rarely = || mostly(false, 3, [true]);
    let anonymous_for = mostly(None, 3, ["missing", "invalid", "expired", "unavailable"].map(Some));
    let flags = (any::<[bool; 9]>(), rarely(), [rarely(), rarely(), rarely()], rarely(), anonymous_for);
    (flags, places, access, constraint, dpop).prop_map(
        |((flags, age, kind, optional, anonymous_for), (places, first_valid), access, constraint, dpop)| {
            let [exp, nbf, maximum, skew, audiences, required, anonymous, run_on_preflight, is_base64] = flags;
            Policy {
                places,
                first_valid,
                exp,
                nbf,
                maximum,
                skew,
                age,
                kind,
                audiences,
                required,
                access,
                anonymous,
                anonymous_for,
                optional,
                run_on_preflight,
                is_base64,
                constraint,
                dpop,
            }
        },
    )
}

fn token() -> impl Strategy<Value = Token> {
    let bad = [Form::TwoParts, Form::BadSignature, Form::FourParts, Form::NotObject, Form::DuplicateMember];
    let form = mostly(Form::Good, 12, bad);
    use Algorithm::{ES256, Ed448, Ed25519, EdDSA, HS256, HS512, RS256};
    let algorithms = [HS256, HS512, RS256, ES256, EdDSA, Ed25519, Ed448];
    let others = [[Alg::None, Alg::Number, Alg::Absent].as_slice(), &algorithms.map(Alg::Of)].concat();
    let unsupported =
        [("crit", json!(["x"])), ("crit", Value::Null), ("b64", json!(false)), ("kid", json!(7))].map(Some);
    let iss = mostly(Iss::Aimed, 12, [Iss::Unknown, Iss::Empty, Iss::Number, Iss::Absent]);
    let times = |seconds: &[i64]| {
        let times = seconds.iter().map(|seconds| Time::In(*seconds));
        times.chain([Time::Absent, Time::Text]).collect::<Vec<_>>()
    };
    let exp = mostly(Time::In(600), 4, times(&[-31, -30, -29, -1, 0, 1, MAXIMUM, MAXIMUM + 1, 1_000_000]));
    let nbf = mostly(Time::In(-60), 4, times(&[-1, 0, 1, 29, 30, 31]));
    let aud = mostly(Some(json!("api")), 6, [None, Some(json!("x")), Some(json!(["x", "api"])), Some(json!(7))]);
    let scope = mostly(Some("read write"), 6, [None, Some("write")]);
    let signer = mostly(None, 8, Key::ALL.map(Some));
    let kid = sample::select(vec![None, None, Some("1"), Some("2"), Some("3")]);
    let bound =
        mostly(Bound::Not, 3, [Bound::ToCertificate, Bound::ToKey, Bound::ToBoth, Bound::ToUnknown, Bound::Wrongly]);
    let iat = mostly(Time::In(-60), 10, times(&[-MAXIMUM - 31, -MAXIMUM - 30, -MAXIMUM - 1, -MAXIMUM, 0, 1, 30, 31]));
    let typ = mostly(
        Some(json!("at+jwt")),
        10,
        [None, Some(json!("JWT")), Some(json!("application/AT+JWT")), Some(json!(7))],
    );
    let jti = mostly(Some(json!("1")), 10, [None, Some(Value::Null), Some(json!([]))]);
    let sub = mostly(
        Some(json!("s-1")),
        8,
        [None, Some(json!("x s-1")), Some(json!(["s-1"])), Some(json!("s")), Some(json!("s-2")), Some(json!("s-3"))],
    );
    let header = (form, mostly(Alg::Aimed, 8, others), mostly(None, 20, unsupported), kid, signer, typ);
    let claims = (iss, any::<bool>(), mostly(false, 12, [true]), exp, nbf, iat, aud, scope, (jti, sub, bound));
    (header, claims).prop_map(|((form, alg, unsupported, kid, signer, typ), claims)| {
        let (iss, iss_in_header, is_changed, exp, nbf, iat, aud, scope, (jti, sub, bound)) = claims;
        Token {
            form,
            alg,
            unsupported,
            kid,
            iss,
            iss_in_header,
            signer,
            is_changed,
            exp,
            nbf,
            iat,
            typ,
            aud,
            scope,
            jti,
            sub,
            bound,
        }
    })
}

fn asked() -> impl Strategy<Value = Asked> {
    let method = mostly(Method::Get, 8, [Method::Options, Method::Preflight]);
    let alone_at = |place: usize| {
        let mut carried = [Carried::Nothing; PLACES];
        carried[place] = Carried::Token;
        carried
    };
    let any_carried = || mostly(Carried::Nothing, 1, [Carried::Empty, Carried::Token, Carried::Another]);
    let carried = prop_oneof![
        6 => Just(alone_at(0)),
        1 => (1..PLACES).prop_map(alone_at),
        1 => prop::array::uniform6(any_carried()),
    ];
    let certificate = sample::select(vec![Shown::Nothing, Shown::Own, Shown::Another]);
    let proof = mostly(Proof::Good, 3, [Proof::Nothing, Proof::ForAnotherMethod, Proof::OfAnotherKey, Proof::Several]);
    (method, any::<bool>(), mostly(false, 12, [true]), carried, certificate, mostly(false, 6, [true]), proof).prop_map(
        |(method, on_route, is_spoofed, carried, certificate, by_dpop, proof)| Asked {
            method,
            on_route,
            is_spoofed,
            carried,
            certificate,
            by_dpop,
            proof,
        },
    )
}

pub(super) fn case() -> impl Strategy<Value = Case> {
    let rule = prop_oneof![6 => Just(None), 1 => Just(Some(Rule::Disabled)), 3 => policy().prop_map(Rule::Policy).prop_map(Some)];
    let credential = (0..3usize, keys(), mostly(false, 4, [true]));
    let credential = credential.prop_map(|(owner, keys, demands)| Credential { owner, keys, demands });
    let credentials = prop::collection::vec(credential, 1..5);
    let issuers = prop::collection::vec(issuer(), 2);
    (
        policy(),
        rule,
        (mostly(false, 3, [true]), mostly(None, 8, [Some(true), Some(false)])),
        credentials,
        issuers,
        any::<(sample::Index, sample::Index)>(),
        token(),
        asked(),
    )
        .prop_map(|(policy, rule, (revokes, list), credentials, issuers, aim, token, mut asked)| {
            // A token that is bound to a key mostly comes with a proof, and no other.
            asked.by_dpop ^= matches!(token.bound, Bound::ToKey | Bound::ToBoth);
            Case { policy, rule, revokes, list, credentials, issuers, aim, token, asked }
        })
}
