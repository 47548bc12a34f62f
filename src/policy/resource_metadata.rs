//! What the filter publishes of a protected resource (RFC 9728), so that clients find out who issues tokens for it.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::jwks::Uri;

/// The metadata of a resource.
#[derive(Debug, PartialEq, Eq)]
pub struct ResourceMetadata {
    /// The identifier of the resource: the URL that clients know it by.
    pub resource: Uri,
    /// The issuers of tokens for it.
    pub authorization_servers: Vec<String>,
    path: String,
    url: String,
    document: String,
}

impl ResourceMetadata {
    /// What stands in front of the path of a resource where its metadata is (RFC 9728 §3).
    const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

    /// The metadata of a resource, with more members for the document.
    pub fn new(resource: Uri, authorization_servers: Vec<String>, more: Map<String, Value>) -> Self {
        let mut document = Map::new();
        document.insert("resource".to_owned(), resource.as_str().into());
        // A member without a value is left out (RFC 9728 §3.2).
        if !authorization_servers.is_empty() {
            document.insert("authorization_servers".to_owned(), authorization_servers.clone().into());
        }
        document.extend(more);
        // The slash behind the host is no path (RFC 9728 §3.1).
        let of_resource = resource.path_and_query();
        let path = format!("{}{}", Self::WELL_KNOWN, if of_resource == "/" { "" } else { of_resource });
        let origin = resource.as_str().strip_suffix(of_resource).unwrap_or(resource.as_str());
        let url = format!("{origin}{path}");
        Self { resource, authorization_servers, path, url, document: Value::Object(document).to_string() }
    }

    /// Where a client finds the metadata.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The metadata, as JSON.
    pub fn document(&self) -> &str {
        &self.document
    }

    /// Those that a path and an authority ask for. Which host was asked for matters only where several have metadata at one path:
    /// a proxy in front may have changed it.
    pub fn find<'m>(all: &'m [Arc<Self>], path: &[u8], authority: Option<&[u8]>) -> Option<&'m Self> {
        let path = path.split(|byte| *byte == b'?').next()?;
        let there = || all.iter().map(AsRef::as_ref).filter(|it: &&Self| it.path.as_bytes() == path);
        if there().nth(1).is_none() {
            return there().next();
        }
        there().find(|it| authority.is_some_and(|authority| it.is_of_host(authority)))
    }

    /// Whether the metadata of the other is at the same place.
    pub fn is_beside(&self, other: &Self) -> bool {
        self.path == other.path && self.is_of_host(other.resource.authority().as_bytes())
    }

    /// Whether this is the resource's host, as far as a port that goes without saying may be said.
    fn is_of_host(&self, authority: &[u8]) -> bool {
        let port: &[u8] = if self.is_secure() { b":443" } else { b":80" };
        let host = |authority: &[u8]| authority.strip_suffix(port).unwrap_or(authority).to_ascii_lowercase();
        host(authority) == host(self.resource.authority().as_bytes())
    }

    /// Whether the resource is reached by TLS.
    pub fn is_secure(&self) -> bool {
        self.resource.as_str().get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(resource: &str) -> ResourceMetadata {
        ResourceMetadata::new(Uri::parse(resource).unwrap(), Vec::new(), Map::new())
    }

    #[test]
    fn the_path_of_the_resource_follows_the_well_known_one() {
        for (resource, url) in [
            ("https://a.example.com", "https://a.example.com/.well-known/oauth-protected-resource"),
            ("https://a.example.com/", "https://a.example.com/.well-known/oauth-protected-resource"),
            ("https://a.example.com/mcp", "https://a.example.com/.well-known/oauth-protected-resource/mcp"),
            ("https://a.example.com/b/c/", "https://a.example.com/.well-known/oauth-protected-resource/b/c/"),
            ("http://127.0.0.1:8080/mcp", "http://127.0.0.1:8080/.well-known/oauth-protected-resource/mcp"),
        ] {
            assert_eq!(of(resource).url(), url);
        }
    }

    #[test]
    fn nothing_else_is_found_and_hosts_count_where_they_must() {
        let found = |all: &[&str], path: &str, authority: Option<&str>| {
            let all: Vec<_> = all.iter().map(|resource| Arc::new(of(resource))).collect();
            ResourceMetadata::find(&all, path.as_bytes(), authority.map(str::as_bytes))
                .map(|it| it.resource.as_str().to_owned())
        };
        let root = "/.well-known/oauth-protected-resource";
        let one = ["https://a.example.com/mcp"];
        assert_eq!(found(&one, &format!("{root}/mcp"), Some("internal")).as_deref(), Some(one[0]));
        assert_eq!(found(&one, &format!("{root}/mcp?x=1"), None).as_deref(), Some(one[0]));
        for path in [
            "/mcp",
            "/",
            "",
            root,
            "/.well-known/oauth-protected-resource/mcp/",
            "/x/.well-known/oauth-protected-resource/mcp",
        ] {
            assert_eq!(found(&one, path, Some("a.example.com")), None, "{path}");
        }
        let all = ["https://a.example.com", "https://b.example.com:8443", "http://c.example.com"];
        for (authority, expected) in [
            (Some("a.example.com"), Some(all[0])),
            (Some("A.example.com:443"), Some(all[0])),
            (Some("b.example.com:8443"), Some(all[1])),
            (Some("b.example.com"), None),
            (Some("a.example.com:80"), None),
            (Some("c.example.com:80"), Some(all[2])),
            (Some("c.example.com:443"), None),
            (None, None),
        ] {
            assert_eq!(found(&all, root, authority).as_deref(), expected, "{authority:?}");
        }
    }
}
