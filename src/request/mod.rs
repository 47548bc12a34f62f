//! A request: what is asked of one, where a token may stand in it, finding it and taking it out.

mod body;
mod carriers;
mod ports;
mod stripping;

pub use self::{
    body::expected_body,
    carriers::{Carriers, NotOneToken, TokenPlaces},
    ports::{NotChanged, Request, RequestHeaders},
    stripping::{keep_end_to_end, take_out_tokens},
};
