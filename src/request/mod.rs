//! A request: what is asked of one, where a token may stand in it, finding it and taking it out.

mod body;
mod carriers;
mod places;
mod ports;
mod protocol;
mod split_cookies;
mod stripping;
mod subprotocols;

pub use self::{
    body::expected_body,
    carriers::{Carriers, FoundToken, MAX_TOKENS, NotOneToken},
    places::{Place, Scheme, TokenHeader, TokenPlaces},
    ports::{NotChanged, Request, RequestHeaders},
    protocol::Protocol,
    split_cookies::SplitCookie,
    stripping::{keep_end_to_end, take_out_tokens},
    subprotocols::TokenProtocol,
};
