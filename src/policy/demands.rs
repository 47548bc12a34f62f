//! What is demanded of a token beside its signature and the time.

use std::sync::Arc;

use crate::{
    encoding::json::{Members, Raw},
    token::{self, ClaimPath, Requirement, TextPattern, TokenType},
};

/// What a policy demands of every token, or a credential of its own. Field names are those of the configuration; what is
/// empty demands nothing.
#[derive(Debug, Clone, Default)]
pub struct Demands {
    /// The types of which the token must have one.
    pub token_types: Vec<TokenType>,
    /// The claims that must be there.
    pub require: Vec<Arc<ClaimPath>>,
    /// The audiences of which the token must name one.
    pub audiences: Vec<String>,
    /// The texts of which `sub` must be one.
    pub subjects: Vec<TextPattern>,
    /// What the token's claims must hold.
    pub required_claims: Vec<Arc<Requirement>>,
}

impl Demands {
    /// Whether it needs more of a token's claims than the time.
    pub fn use_claims(&self) -> bool {
        !(self.require.is_empty()
            && self.audiences.is_empty()
            && self.subjects.is_empty()
            && self.required_claims.is_empty())
    }

    /// Whether a token may have this type, or none.
    pub fn admit_type(&self, token_type: Option<&TokenType>) -> bool {
        self.token_types.is_empty() || token_type.is_some_and(|it| self.token_types.contains(it))
    }

    /// A claim that must be there and is not.
    pub fn missing_claim(&self, claims: &Members) -> Option<&Arc<ClaimPath>> {
        self.require.iter().find(|path| path.find(claims).is_none())
    }

    /// Whether a token is meant for this audience.
    pub fn admit_audience(&self, claims: &Members) -> bool {
        self.audiences.is_empty() || token::is_for_audience(claims, &self.audiences)
    }

    /// Whether a token is of one of the subjects.
    pub fn admit_subject(&self, claims: &Members) -> bool {
        let is_one = |sub: &str| self.subjects.iter().any(|subject| subject.matches(sub));
        self.subjects.is_empty() || claims.get("sub").and_then(Raw::string).is_some_and(|sub| is_one(&sub))
    }

    /// What is required of the claims and not met.
    pub fn unmet(&self, claims: &Members) -> Option<&Arc<Requirement>> {
        self.required_claims.iter().find(|requirement| !requirement.is_met_by(claims))
    }
}
