//! What several fuzz targets need.

pub mod planted;
#[path = "../../tests/core/support/request.rs"]
mod request;
pub mod revocations;
pub mod structs;
pub mod tokens;
mod twice;

pub use self::{request::FakeRequest, twice::has_member_twice};
