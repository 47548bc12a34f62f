//! What a client speaks, as far as an answer depends on it.

/// HTTP alone, or gRPC over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the variants are the protocols' names")]
pub enum Protocol {
    Http,
    Grpc,
}

impl Protocol {
    /// By a request's media type, as Envoy tells it: `application/grpc-web`, for instance, is another.
    pub fn of(content_type: Option<&[u8]>) -> Self {
        match content_type.and_then(|text| text.strip_prefix(b"application/grpc")) {
            Some([] | [b'+', ..]) => Self::Grpc,
            _ => Self::Http,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grpc_is_known_by_its_media_type() {
        for text in ["application/grpc", "application/grpc+proto"] {
            assert_eq!(Protocol::of(Some(text.as_bytes())), Protocol::Grpc, "{text}");
        }
        for text in ["", "application/grpc-web", "application/grpc;x", "application/json", "application/gRPC"] {
            assert_eq!(Protocol::of(Some(text.as_bytes())), Protocol::Http, "{text}");
        }
        assert_eq!(Protocol::of(None), Protocol::Http);
    }
}
