//! What a policy tells other filters and access logs of a request.

use crate::token::ClaimPath;

/// What is written to the proxy's dynamic metadata beside consumer, credential and outcome.
#[derive(Debug)]
pub struct DynamicMetadata {
    /// The namespace that all of it is in.
    pub namespace: String,
    /// Claims, each by the text that names it.
    pub claims: Vec<(String, ClaimPath)>,
    /// By which all claims go, if they are written.
    pub payload_in_metadata: Option<String>,
}

impl DynamicMetadata {
    /// The names that stand beside that of [`DynamicMetadata::payload_in_metadata`].
    pub const NAMES: [&str; 4] = ["outcome", "consumer", "credential", "claims"];

    /// Whether it needs a token's claims.
    pub fn uses_claims(&self) -> bool {
        !self.claims.is_empty() || self.payload_in_metadata.is_some()
    }
}
