//! JWK sets (RFC 7517 §5): the keys of an issuer, when to fetch them, what of a response to believe, and how long.
//!
//! Nothing here does I/O: a [`Fetcher`] asks its [`KeySetHost`] for the time, for chance, for memory that all workers share
//! and for HTTP. Of all workers one fetches a set, under a lease, and the others take what it found.

mod answer;
mod fetcher;
mod issuer;
pub(crate) mod remote;
mod schedule;
mod set;
mod uri;
mod waiting_room;

pub use self::{
    answer::{Answer, FetchError},
    fetcher::{Advice, Asked, Brought, Event, Fetcher, KeySetHost},
    issuer::Issuer,
    remote::{Fetched, Judged, Kind, Millis, Need, Remote, RemoteKeys, Seen, Source, Wait},
    set::{KeyPlace, KeySet, KeySetError, MAX_BYTES, MAX_KEYS, Origin, Parsed, PassedOver, VerificationKey},
    uri::{Uri, UriError},
    waiting_room::{Next, WaitingLimits, WaitingRoom, Woken},
};
