//! A request as the core sees it.

use std::borrow::Cow;

use jwt_auth_filter::request::{Request, RequestHeaders};

use crate::abi::{self, Attribute, FieldList, Fields};

/// A request, with its headers as they stood when it was taken up.
pub(crate) struct EnvoyRequest {
    request: abi::Request,
    headers: FieldList,
}

impl EnvoyRequest {
    /// Takes a request up; `None` when Envoy does not tell its headers.
    pub(crate) fn of(request: abi::Request) -> Option<Self> {
        Some(Self { request, headers: request.fields(Fields::Headers)? })
    }

    /// The address of the client, as far as Envoy knows it.
    pub(crate) fn client_address(&self) -> Option<Vec<u8>> {
        self.request.attribute(Attribute::SourceAddress)
    }
}

impl Request for EnvoyRequest {
    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.headers.values(name).next().map(Cow::Borrowed)
    }

    fn header_values(&self, name: &str) -> Vec<Cow<'_, [u8]>> {
        self.headers.values(name).map(Cow::Borrowed).collect()
    }

    fn route_name(&self) -> Option<Vec<u8>> {
        self.request.attribute(Attribute::RouteName)
    }

    fn cluster_name(&self) -> Option<Vec<u8>> {
        self.request.cluster_name()
    }

    fn peer_certificate_digest(&self) -> Option<Vec<u8>> {
        self.request.attribute(Attribute::PeerCertificateDigest)
    }
}

impl RequestHeaders for EnvoyRequest {
    fn set_header(&mut self, name: &str, value: &str) -> bool {
        self.request.set_field(Fields::Headers, name, value.as_bytes())
    }

    fn remove_header(&mut self, name: &str) -> bool {
        self.request.remove_field(Fields::Headers, name) && self.request.field(Fields::Headers, name).is_none()
    }

    fn add_header(&mut self, name: &str, value: &[u8]) -> bool {
        self.request.add_field(Fields::Headers, name, value)
    }

    fn set_path(&mut self, path: &[u8]) -> bool {
        self.request.set_field(Fields::Headers, ":path", path)
            && self.request.field(Fields::Headers, ":path").is_some_and(|left| left == path)
    }
}
