//! What the filter asks of a request, and of one whose headers it changes.

use std::borrow::Cow;

use thiserror::Error;

/// What the filter asks of a request. Values are octets: nothing promises that they are UTF-8. Method and path are among the
/// headers, under the names that HTTP/2 has for them.
pub trait Request {
    /// The method.
    fn method(&self) -> Option<Cow<'_, [u8]>> {
        self.header(":method")
    }

    /// The request target's path and query; absent for `CONNECT`.
    fn path(&self) -> Option<Cow<'_, [u8]>> {
        self.header(":path")
    }

    /// The value of a header; when it occurs several times, the first one, or the values joined by commas.
    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>>;

    /// All values of a header, in their order. A host may have joined several by commas.
    fn header_values(&self, name: &str) -> Vec<Cow<'_, [u8]>>;

    /// The cookies, of all `Cookie` headers together: HTTP/1.1 clients send one, but nothing makes them.
    fn cookies(&self) -> Option<Cow<'_, [u8]>> {
        let mut values = self.header_values("cookie");
        match values.len() {
            0 | 1 => values.pop(),
            _ => Some(Cow::Owned(values.join(b"; ".as_slice()))),
        }
    }

    /// The name of the route that the proxy has chosen, if it has one. What a client writes does not enter into it.
    fn route_name(&self) -> Option<Vec<u8>>;

    /// The name of the cluster that the proxy has chosen, if it has chosen one.
    fn cluster_name(&self) -> Option<Vec<u8>>;

    /// The SHA-256 hash, in hexadecimal, of the certificate that the client has shown on this connection; absent or empty if
    /// it has shown none. What a client writes does not enter into it.
    fn peer_certificate_digest(&self) -> Option<Vec<u8>>;
}

/// A request whose headers can be changed before it goes upstream.
pub trait RequestHeaders: Request {
    /// Sets a header that the request does not have; whether it is set.
    fn set_header(&mut self, name: &str, value: &str) -> bool;

    /// Removes every occurrence of a header; whether none is left.
    fn remove_header(&mut self, name: &str) -> bool;

    /// Adds a header beside those of the same name; whether it is added.
    fn add_header(&mut self, name: &str, value: &[u8]) -> bool;

    /// Replaces the request target's path and query; whether they are now these.
    fn set_path(&mut self, path: &[u8]) -> bool;
}

/// A header that must not go upstream as it is, and that the host did not change.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the header {0} cannot be changed on this host")]
pub struct NotChanged(String);

impl NotChanged {
    /// The header of this name was not changed.
    pub fn new(name: &str) -> Self {
        Self(name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request that has headers and nothing else.
    struct Headers(&'static [(&'static str, &'static str)]);

    impl Request for Headers {
        fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
            self.header_values(name).into_iter().next()
        }

        fn header_values(&self, name: &str) -> Vec<Cow<'_, [u8]>> {
            let values = self.0.iter().filter(|(own, _)| *own == name);
            values.map(|(_, value)| Cow::Borrowed(value.as_bytes())).collect()
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

    #[test]
    fn method_and_path_are_headers() {
        let request = Headers(&[(":method", "GET"), (":path", "/a?b")]);
        assert_eq!(request.method().as_deref(), Some(b"GET".as_slice()));
        assert_eq!(request.path().as_deref(), Some(b"/a?b".as_slice()));
        assert_eq!((Headers(&[]).method(), Headers(&[]).path()), (None, None));
    }

    #[test]
    fn cookies_are_those_of_all_headers() {
        let cookies = |headers| Headers(headers).cookies().map(|text| String::from_utf8(text.into_owned()).unwrap());
        assert_eq!(cookies(&[("x", "a=1")]), None);
        assert_eq!(cookies(&[("cookie", "a=1")]).as_deref(), Some("a=1"));
        assert_eq!(cookies(&[("cookie", "a=1; b=2"), ("cookie", "c=3")]).as_deref(), Some("a=1; b=2; c=3"));
    }
}
