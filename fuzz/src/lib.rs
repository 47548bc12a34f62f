//! What several fuzz targets need.

#[path = "../../tests/core/support/request.rs"]
mod request;
pub mod tokens;

pub use self::request::FakeRequest;
