//! Requests written as a `curl` command line, as browsers and API tools copy them.

mod words;

use std::borrow::Cow;

use super::request::{GivenRequest, origin_of, target_of};

/// The options without a value, beside those that begin with `--no-`; every other has one.
const FLAGS: &[&str] = &[
    "--anyauth",
    "--append",
    "--basic",
    "--ca-native",
    "--cert-status",
    "--compressed",
    "--compressed-ssh",
    "--create-dirs",
    "--crlf",
    "--digest",
    "--disable",
    "--disable-eprt",
    "--disable-epsv",
    "--disallow-username-in-url",
    "--doh-cert-status",
    "--doh-insecure",
    "--fail",
    "--fail-early",
    "--fail-with-body",
    "--false-start",
    "--form-escape",
    "--ftp-create-dirs",
    "--ftp-pasv",
    "--ftp-pret",
    "--ftp-skip-pasv-ip",
    "--ftp-ssl",
    "--ftp-ssl-ccc",
    "--ftp-ssl-control",
    "--globoff",
    "--haproxy-protocol",
    "--http0.9",
    "--http1.0",
    "--http1.1",
    "--http2",
    "--http2-prior-knowledge",
    "--http3",
    "--http3-only",
    "--ignore-content-length",
    "--include",
    "--insecure",
    "--ipv4",
    "--ipv6",
    "--junk-session-cookies",
    "--keepalive",
    "--list-only",
    "--location",
    "--location-trusted",
    "--mail-rcpt-allowfails",
    "--manual",
    "--metalink",
    "--mptcp",
    "--negotiate",
    "--netrc",
    "--netrc-optional",
    "--next",
    "--ntlm",
    "--ntlm-wb",
    "--parallel",
    "--parallel-immediate",
    "--path-as-is",
    "--post301",
    "--post302",
    "--post303",
    "--progress-bar",
    "--proxy-anyauth",
    "--proxy-basic",
    "--proxy-ca-native",
    "--proxy-digest",
    "--proxy-http2",
    "--proxy-insecure",
    "--proxy-negotiate",
    "--proxy-ntlm",
    "--proxy-ssl-allow-beast",
    "--proxy-ssl-auto-client-cert",
    "--proxy-tlsv1",
    "--proxytunnel",
    "--raw",
    "--remote-header-name",
    "--remote-name",
    "--remote-name-all",
    "--remote-time",
    "--remove-on-error",
    "--retry-all-errors",
    "--retry-connrefused",
    "--sasl-ir",
    "--show-error",
    "--show-headers",
    "--silent",
    "--skip-existing",
    "--socks5-basic",
    "--socks5-gssapi",
    "--socks5-gssapi-nec",
    "--ssl",
    "--ssl-allow-beast",
    "--ssl-auto-client-cert",
    "--ssl-no-revoke",
    "--ssl-reqd",
    "--ssl-revoke-best-effort",
    "--sslv2",
    "--sslv3",
    "--styled-output",
    "--suppress-connect-headers",
    "--tcp-fastopen",
    "--tcp-nodelay",
    "--tftp-no-options",
    "--tls-earlydata",
    "--tlsv1",
    "--tlsv1.0",
    "--tlsv1.1",
    "--tlsv1.2",
    "--tlsv1.3",
    "--tr-encoding",
    "--trace-ids",
    "--trace-time",
    "--use-ascii",
    "--verbose",
    "--version",
    "--xattr",
];
const SHORT_FLAGS: &str = "#:012346afgijklnpqsvBGIJLMNORSVZ";

/// Reads a command line, whose first word is the command.
pub(super) fn parse(text: &str) -> Result<GivenRequest, String> {
    let in_command = |problem: &str| format!("is a curl command line {problem}");
    let mut options = Options::default();
    let mut words = words::split(text).map_err(in_command)?.into_iter().skip(1);
    while let Some(word) = words.next() {
        options.take(word, &mut words).map_err(|problem| in_command(&problem))?;
    }
    options.request().map_err(in_command)
}

/// What a command line asks for.
#[derive(Default)]
struct Options {
    method: Option<String>,
    url: Option<String>,
    headers: Vec<(String, String)>,
    /// The headers that curl is not to make, in lower case.
    withheld: Vec<String>,
    cookies: Vec<String>,
    /// The scheme and credentials of the options for them.
    bearer: Option<String>,
    has_user: bool,
    data: Vec<Data>,
    query: Vec<Data>,
    data_in_query: bool,
    is_head: bool,
    uploads: bool,
}

impl Options {
    /// Takes an option, with its value from the words after it.
    fn take(&mut self, word: String, rest: &mut impl Iterator<Item = String>) -> Result<(), String> {
        if word.starts_with("--") {
            let (option, attached) = match word.split_once('=') {
                Some((option, value)) => (option, Some(value.to_owned())),
                None => (word.as_str(), None),
            };
            return self.take_long(option, || attached.or_else(|| rest.next()).ok_or_else(|| ends_after(option)));
        }
        let Some(short) = word.strip_prefix('-').filter(|short| !short.is_empty()) else { return self.set_url(word) };
        // Short options stand together: `-sSXPOST`.
        for (at, option) in short.char_indices() {
            if SHORT_FLAGS.contains(option) {
                self.set_flag(option);
                continue;
            }
            let attached = short.get(at.saturating_add(option.len_utf8())..).filter(|attached| !attached.is_empty());
            return match attached {
                Some(attached) => self.set(option, attached.to_owned()),
                None => self.set(option, rest.next().ok_or_else(|| ends_after(&format!("-{option}")))?),
            };
        }
        Ok(())
    }

    fn take_long(&mut self, option: &str, value: impl FnOnce() -> Result<String, String>) -> Result<(), String> {
        match option {
            "--get" => self.set_flag('G'),
            "--head" => self.set_flag('I'),
            "--request" => self.set('X', value()?)?,
            "--header" => self.set('H', value()?)?,
            "--cookie" => self.set('b', value()?)?,
            "--user" => self.set('u', value()?)?,
            "--config" => self.set('K', value()?)?,
            "--upload-file" => self.set('T', value()?)?,
            "--data" | "--data-binary" | "--data-ascii" | "--json" => self.set('d', value()?)?,
            "--data-raw" => self.data.push(Data::Raw(value()?)),
            "--data-urlencode" => self.data.push(Data::ToEncode(value()?)),
            "--url-query" => self.query.push(query_part(value()?)),
            "--form" | "--form-string" => self.set('F', value()?)?,
            "--url" => self.set_url(value()?)?,
            "--oauth2-bearer" => self.bearer = Some(format!("Bearer {}", value()?)),
            flag if FLAGS.contains(&flag) || flag.starts_with("--no-") => {}
            _ => _ = value()?,
        }
        Ok(())
    }

    fn set_flag(&mut self, option: char) {
        match option {
            'G' => self.data_in_query = true,
            'I' => self.is_head = true,
            _ => {}
        }
    }

    fn set(&mut self, option: char, value: String) -> Result<(), String> {
        match option {
            'X' => self.method = Some(value),
            'H' if value.starts_with('@') => return Err(reads_file("-H @FILE", "headers")),
            'H' => self.set_header(&value),
            'b' if !value.contains('=') && !value.is_empty() => return Err(reads_file("-b FILE", "cookies")),
            'b' => self.cookies.push(value),
            'K' => return Err(reads_file("-K FILE", "options")),
            'u' => self.has_user = true,
            'T' => self.uploads = true,
            'd' => self.data.push(if value.starts_with('@') { Data::File } else { Data::Raw(value) }),
            // A form never goes into the query.
            'F' => self.data.push(Data::Raw(String::new())),
            _ => {}
        }
        Ok(())
    }

    /// `name: value`; `name;` sends an empty one, and `name:` keeps curl from sending its own.
    fn set_header(&mut self, header: &str) {
        let (name, value) = header.split_once(':').unwrap_or((header, ""));
        let (name, value) = (name.trim(), value.trim());
        match (name.strip_suffix(';'), value) {
            (Some(name), "") if !header.contains(':') => self.headers.push((name.to_owned(), String::new())),
            (_, "") => self.withheld.push(name.to_ascii_lowercase()),
            _ => self.headers.push((name.to_owned(), value.to_owned())),
        }
    }

    fn set_url(&mut self, url: String) -> Result<(), String> {
        match self.url.replace(url) {
            None => Ok(()),
            Some(_) => Err("with several URLs; expected one".to_owned()),
        }
    }

    fn request(self) -> Result<GivenRequest, &'static str> {
        let url = self.url.as_deref().ok_or("without a URL")?;
        let (scheme, authority) = origin_of(url);
        let mut target = target_of(url);
        let in_query = if self.data_in_query { self.data.as_slice() } else { &[] };
        for data in self.query.iter().chain(in_query) {
            let separator = if target.contains('?') { '&' } else { '?' };
            let data = data.in_query().ok_or("whose query comes from a file, and none is read here; write it out")?;
            target = format!("{target}{separator}{data}");
        }
        let method = self.method.clone().unwrap_or_else(|| self.usual_method().to_owned());
        Ok(GivenRequest { method, target, scheme, authority, headers: self.all_headers(), ..GivenRequest::default() })
    }

    fn usual_method(&self) -> &'static str {
        match self {
            Self { is_head: true, .. } => "HEAD",
            Self { uploads: true, .. } => "PUT",
            Self { data_in_query: false, data, .. } if !data.is_empty() => "POST",
            _ => "GET",
        }
    }

    /// The headers that are given, and those that curl makes of other options, where none of the name is given.
    fn all_headers(self) -> Vec<(String, String)> {
        // Of basic authentication it matters that there is such a header, not what is in it.
        let credentials = self.bearer.or_else(|| self.has_user.then(|| "Basic".to_owned()));
        let cookies = (!self.cookies.is_empty()).then(|| self.cookies.join(";"));
        let mut headers = self.headers;
        for (name, value) in [("Authorization", credentials), ("Cookie", cookies)] {
            let is_given = headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name))
                || self.withheld.iter().any(|withheld| withheld.eq_ignore_ascii_case(name));
            headers.extend(value.filter(|_| !is_given).map(|value| (name.to_owned(), value)));
        }
        headers
    }
}

/// What goes into the body, or into the query.
enum Data {
    Raw(String),
    /// `name=value`, `=value` or `value`, of which the value is yet to be encoded.
    ToEncode(String),
    File,
}

impl Data {
    /// As it stands in a query; `None` if it is in a file.
    fn in_query(&self) -> Option<Cow<'_, str>> {
        let text = match self {
            Self::Raw(text) => return Some(text.into()),
            Self::File => return None,
            Self::ToEncode(text) => text,
        };
        let encode = |value: &str| form_urlencoded::byte_serialize(value.as_bytes()).collect::<String>();
        match text.split_once('=') {
            Some(("", value)) => Some(encode(value).into()),
            Some((name, value)) => Some(format!("{name}={}", encode(value)).into()),
            None if text.contains('@') => None,
            None => Some(encode(text).into()),
        }
    }
}

/// What `--url-query` adds: with a `+` in front it is encoded already.
fn query_part(text: String) -> Data {
    match text.strip_prefix('+') {
        Some(encoded) => Data::Raw(encoded.to_owned()),
        None => Data::ToEncode(text),
    }
}

/// Only the option: what is behind it may be a token.
fn ends_after(option: &str) -> String {
    let is_option =
        option.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte)) && option.len() < 30;
    if is_option { format!("that ends after {option}") } else { "that ends after an option".to_owned() }
}

fn reads_file(option: &str, what: &str) -> String {
    format!("with {option}, and no file is read here; write the {what} out")
}
