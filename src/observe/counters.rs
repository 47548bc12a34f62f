//! What is counted. The names are fixed when the filter is configured; nothing of a request can make one.

use crate::authenticate::{Outcome, Reason};

/// The reason of a refusal that is no client's fault.
pub const INTERNAL_ERROR: &str = "internal_error";

/// The counters of requests, each a `C` of the host's.
#[derive(Debug)]
pub struct Counters<C> {
    authenticated: C,
    anonymous: C,
    optional: C,
    preflight: C,
    disabled: C,
    resource_metadata: C,
    denied: Vec<(&'static str, C)>,
    /// Denials that were not logged.
    pub log_lines_left_out: C,
    /// Tokens that the cache knew.
    pub token_cache_hits: C,
    /// Tokens that it did not know.
    pub token_cache_misses: C,
}

impl<C> Counters<C> {
    /// Defines all of them, so that each is there, as 0, before anything happens.
    pub fn define(define: impl Fn(&str) -> C) -> Self {
        let named = |name: &str| define(&format!("jwt_auth.{name}"));
        let denied = Reason::NAMES.into_iter().chain([INTERNAL_ERROR]);
        Self {
            authenticated: named("authenticated"),
            anonymous: named("anonymous"),
            optional: named("optional"),
            preflight: named("preflight"),
            disabled: named("disabled"),
            resource_metadata: named("resource_metadata"),
            denied: denied.map(|name| (name, named(&format!("denied.{name}")))).collect(),
            log_lines_left_out: named("log_lines_left_out"),
            token_cache_hits: named("token_cache_hits"),
            token_cache_misses: named("token_cache_misses"),
        }
    }

    /// The one that counts such an outcome.
    pub fn of(&self, outcome: &Outcome) -> Option<&C> {
        match outcome {
            Outcome::Authenticated(_) => Some(&self.authenticated),
            Outcome::Anonymous { .. } => Some(&self.anonymous),
            Outcome::Optional => Some(&self.optional),
            Outcome::Preflight => Some(&self.preflight),
            Outcome::Disabled => Some(&self.disabled),
            Outcome::ResourceMetadata(_) => Some(&self.resource_metadata),
            Outcome::Denied(denial) => self.denied(denial.reason.name()),
        }
    }

    /// The one that counts refusals for a reason of this name.
    pub fn denied(&self, reason: &str) -> Option<&C> {
        self.denied.iter().find(|(name, _)| *name == reason).map(|(_, counter)| counter)
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &C> {
        let others = [
            &self.authenticated,
            &self.anonymous,
            &self.optional,
            &self.preflight,
            &self.disabled,
            &self.resource_metadata,
        ];
        let about_the_filter = [&self.log_lines_left_out, &self.token_cache_hits, &self.token_cache_misses];
        others.into_iter().chain(about_the_filter).chain(self.denied.iter().map(|(_, counter)| counter))
    }
}
