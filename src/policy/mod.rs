//! Who may call, and what the filter demands of a request and does with it, as types whose values are all valid.

mod access;
mod consumer;
mod credential;
mod demands;
mod failure;
mod forwarding;
mod metadata;
mod reply_format;
mod resource_metadata;
mod settings;

pub use self::{
    access::Access,
    consumer::{Consumer, Groups},
    credential::{Credential, Credentials, IdentifierTaken, Keys},
    demands::Demands,
    failure::FailureKind,
    forwarding::{ClaimHeader, Forwarding, Header},
    metadata::DynamicMetadata,
    reply_format::{ReplyFormat, Template},
    resource_metadata::ResourceMetadata,
    settings::{IDENTITY_HEADERS, Policy, Rule},
};
