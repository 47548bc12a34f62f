//! What several fuzz targets need.

pub mod request;
pub mod tokens;
