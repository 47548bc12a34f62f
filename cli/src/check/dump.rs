//! What the gateway's dumps carry and means nothing to the filter, and keys that are not used.

use std::collections::BTreeMap;

use jwt_auth_filter::{config::Step, crypto::Algorithm};

use super::demands::Remark;
use crate::{
    configurations::{Configuration, CredentialPlace},
    document::Node,
};

/// The remarks about a configuration: one for each unused key, and one for each name of fields without a meaning, at the
/// first place.
pub(super) fn remarks(configuration: &Configuration) -> Vec<Remark> {
    const OF_CONSUMERS: [&str; 2] = ["created_at", "updated_at"];
    // `created_at` is what `jwt-auth credential list` shows, and `credential add` writes.
    const OF_CREDENTIALS: [&str; 3] = ["id", "tags", "consumer"];

    let mut idle = IdleFields::default();
    let consumers = configuration.root.get("consumers").map(Node::items).unwrap_or_default();
    for (index, consumer) in consumers.iter().enumerate() {
        let path = [Step::Field("consumers".to_owned()), Step::Item(index)];
        OF_CONSUMERS.iter().for_each(|name| idle.count("consumers", consumer, &path, name));
    }
    let credentials = configuration.credentials();
    for credential in &credentials {
        let path = credential.own_path();
        OF_CREDENTIALS.iter().for_each(|name| idle.count("credentials", credential.node, &path, name));
    }
    idle.remarks().chain(credentials.iter().filter_map(unused_key)).collect()
}

/// The fields without a meaning, by whose they are and their name: the first place, and how many there are.
#[derive(Default)]
struct IdleFields(BTreeMap<(&'static str, &'static str), (Vec<Step>, usize)>);

impl IdleFields {
    fn count(&mut self, whose: &'static str, node: &Node, path: &[Step], name: &'static str) {
        if node.given(name).is_some() {
            let first = || ([path, &[Step::Field(name.to_owned())]].concat(), 0);
            let (_, count) = self.0.entry((whose, name)).or_insert_with(first);
            *count = count.saturating_add(1);
        }
    }

    fn remarks(self) -> impl Iterator<Item = Remark> {
        self.0.into_iter().map(|((whose, name), (path, count))| {
            let others = match count {
                0 | 1 => String::new(),
                several => format!("; {several} {whose} have it"),
            };
            (path, format!("{name} is the gateway's own and means nothing here{others}"))
        })
    }
}

/// A key that the credential's algorithm has no use for. Whoever left the algorithm out may have meant it.
fn unused_key(credential: &CredentialPlace) -> Option<Remark> {
    let given = credential.node.given("algorithm").and_then(Node::text);
    let algorithm: Algorithm = given.unwrap_or("HS256").parse().ok()?;
    let (used, unused) =
        if algorithm.is_symmetric() { ("secret", "rsa_public_key") } else { ("rsa_public_key", "secret") };
    credential.node.given(unused).filter(|_| credential.node.given(used).is_some())?;
    let default = if given.is_none() { ", the default," } else { "" };
    Some((credential.path(unused), format!("{unused} is not used: {algorithm}{default} verifies with {used}")))
}
