//! A request as a host would hold it.

use std::{borrow::Cow, collections::BTreeMap};

use jwt_auth_filter::request::{Request, RequestHeaders};

/// Names of headers are in lower case.
#[derive(Debug, Default, Clone)]
pub struct HeldRequest {
    /// The method.
    pub method: String,
    /// The path with its query.
    pub path: Vec<u8>,
    /// All values of each header.
    pub headers: BTreeMap<String, Vec<Vec<u8>>>,
    /// The headers that came, once any is changed: a host tells of these, not of what is left.
    pub came: Option<BTreeMap<String, Vec<Vec<u8>>>>,
}

impl HeldRequest {
    /// Adds a header.
    pub fn add(&mut self, name: &str, value: impl AsRef<[u8]>) {
        self.headers.entry(name.to_ascii_lowercase()).or_default().push(value.as_ref().to_vec());
    }

    /// The request as it goes upstream.
    pub fn sent(self) -> Self {
        Self { came: None, ..self }
    }

    fn told(&self) -> &BTreeMap<String, Vec<Vec<u8>>> {
        self.came.as_ref().unwrap_or(&self.headers)
    }

    fn changed(&mut self) -> &mut BTreeMap<String, Vec<Vec<u8>>> {
        self.came.get_or_insert_with(|| self.headers.clone());
        &mut self.headers
    }
}

impl Request for HeldRequest {
    fn method(&self) -> Option<Cow<'_, [u8]>> {
        Some(self.method.as_bytes().into())
    }

    fn path(&self) -> Option<Cow<'_, [u8]>> {
        Some(self.path.as_slice().into())
    }

    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.told().get(&name.to_ascii_lowercase()).map(|values| values.join(b",".as_slice()).into())
    }

    fn header_values(&self, name: &str) -> Vec<Cow<'_, [u8]>> {
        let values = self.told().get(&name.to_ascii_lowercase());
        values.into_iter().flatten().map(|value| value.as_slice().into()).collect()
    }

    fn route_name(&self) -> Option<Vec<u8>> {
        None
    }

    fn cluster_name(&self) -> Option<Vec<u8>> {
        None
    }

    fn peer_certificate_digest(&self) -> Option<Vec<u8>> {
        None
    }
}

impl RequestHeaders for HeldRequest {
    fn set_header(&mut self, name: &str, value: &str) -> bool {
        self.changed().insert(name.to_ascii_lowercase(), vec![value.into()]);
        true
    }

    fn remove_header(&mut self, name: &str) -> bool {
        self.changed().remove(&name.to_ascii_lowercase());
        true
    }

    fn add_header(&mut self, name: &str, value: &[u8]) -> bool {
        self.changed().entry(name.to_ascii_lowercase()).or_default().push(value.to_vec());
        true
    }

    fn set_path(&mut self, path: &[u8]) -> bool {
        self.path = path.to_vec();
        true
    }
}
