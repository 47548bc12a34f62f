//! A request as a host would hold it, for the tests of the core and for the fuzzer.

#![allow(unreachable_pub, reason = "the fuzz targets use it from another crate")]

use std::{borrow::Cow, cell::Cell, collections::BTreeMap};

use jwt_auth_filter::request::{Request, RequestHeaders};

/// A request. Names of headers are in lower case.
#[derive(Debug, Default, Clone)]
pub struct FakeRequest {
    /// The method.
    pub method: String,
    /// The path with its query.
    pub path: Vec<u8>,
    /// All values of each header.
    pub headers: BTreeMap<String, Vec<Vec<u8>>>,
    /// The headers that came, once any is changed: a host tells of these, not of what is left.
    pub came: Option<BTreeMap<String, Vec<Vec<u8>>>>,
    /// The name of its route.
    pub route: Option<String>,
    /// The name of its cluster.
    pub cluster: Option<String>,
    /// The hash of the client's certificate, as a host tells it.
    pub peer_certificate_digest: Option<String>,
    /// How often it was asked for its route or its cluster.
    pub asked_for_route: Cell<u32>,
    /// How often it was asked for the certificate.
    pub asked_for_certificate: Cell<u32>,
    /// Answers that a header was removed and leaves it there, as some hosts do.
    pub keeps_removed_headers: bool,
    /// Neither sets nor adds a header when asked to.
    pub keeps_headers: bool,
    /// Does not change the path when asked to.
    pub keeps_path: bool,
}

impl FakeRequest {
    /// A request with GET, and without headers.
    pub fn get(path: &str) -> Self {
        Self { method: "GET".to_owned(), path: path.into(), ..Self::default() }
    }

    /// The same with one more header.
    pub fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.add(name, value);
        self
    }

    /// Adds a header.
    pub fn add(&mut self, name: &str, value: impl AsRef<[u8]>) {
        self.headers.entry(name.to_ascii_lowercase()).or_default().push(value.as_ref().to_vec());
    }

    /// The same with a route and its cluster.
    pub fn on(self, route: &str, cluster: &str) -> Self {
        Self { route: Some(route.to_owned()), cluster: Some(cluster.to_owned()), ..self }
    }

    /// The request as it goes upstream, where nobody knows what came.
    pub fn sent(self) -> Self {
        Self { came: None, ..self }
    }

    /// All values of a header in one text.
    pub fn text(&self, name: &str) -> Option<String> {
        Some(String::from_utf8(self.headers.get(&name.to_ascii_lowercase())?.join(b",".as_slice())).unwrap())
    }

    fn told(&self) -> &BTreeMap<String, Vec<Vec<u8>>> {
        self.came.as_ref().unwrap_or(&self.headers)
    }

    fn changed(&mut self) -> &mut BTreeMap<String, Vec<Vec<u8>>> {
        self.came.get_or_insert_with(|| self.headers.clone());
        &mut self.headers
    }
}

impl Request for FakeRequest {
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
        self.asked_for_route.set(self.asked_for_route.get() + 1);
        self.route.clone().map(String::into_bytes)
    }

    fn cluster_name(&self) -> Option<Vec<u8>> {
        self.asked_for_route.set(self.asked_for_route.get() + 1);
        self.cluster.clone().map(String::into_bytes)
    }

    fn peer_certificate_digest(&self) -> Option<Vec<u8>> {
        self.asked_for_certificate.set(self.asked_for_certificate.get() + 1);
        self.peer_certificate_digest.clone().map(String::into_bytes)
    }
}

impl RequestHeaders for FakeRequest {
    fn set_header(&mut self, name: &str, value: &str) -> bool {
        if !self.keeps_headers {
            self.changed().insert(name.to_ascii_lowercase(), vec![value.into()]);
        }
        !self.keeps_headers
    }

    fn remove_header(&mut self, name: &str) -> bool {
        if !self.keeps_removed_headers {
            self.changed().remove(&name.to_ascii_lowercase());
        }
        !self.keeps_removed_headers
    }

    fn add_header(&mut self, name: &str, value: &[u8]) -> bool {
        if !self.keeps_headers {
            self.changed().entry(name.to_ascii_lowercase()).or_default().push(value.to_vec());
        }
        !self.keeps_headers
    }

    fn set_path(&mut self, path: &[u8]) -> bool {
        if !self.keeps_path {
            self.path = path.to_vec();
        }
        !self.keeps_path
    }
}
