//! Requests written as a `curl` command line, as browsers and API tools copy them.

use super::request::{GivenRequest, target_of};

/// The options without a value that are common; every other takes one, as most of curl's do.
const FLAGS: &[&str] = &[
    "--anyauth",
    "--basic",
    "--compressed",
    "--crlf",
    "--digest",
    "--fail",
    "--fail-early",
    "--fail-with-body",
    "--get",
    "--globoff",
    "--head",
    "--http0.9",
    "--http1.0",
    "--http1.1",
    "--http2",
    "--http2-prior-knowledge",
    "--http3",
    "--include",
    "--insecure",
    "--ipv4",
    "--ipv6",
    "--junk-session-cookies",
    "--location",
    "--location-trusted",
    "--negotiate",
    "--netrc",
    "--next",
    "--no-buffer",
    "--no-keepalive",
    "--no-progress-meter",
    "--ntlm",
    "--parallel",
    "--path-as-is",
    "--progress-bar",
    "--proxytunnel",
    "--raw",
    "--remote-header-name",
    "--remote-name",
    "--show-error",
    "--silent",
    "--ssl",
    "--ssl-reqd",
    "--styled-output",
    "--tcp-nodelay",
    "--tlsv1",
    "--tlsv1.2",
    "--tlsv1.3",
    "--tr-encoding",
    "--trace-time",
    "--verbose",
];
const SHORT_FLAGS: &str = "#0123456afgijklnpqsvBGIJLMNORSZ";

/// Reads a command line.
pub fn parse(text: &str) -> Result<GivenRequest, String> {
    // Lines that a backslash joins are one. `$'…'`, which browsers use around unusual characters, is close enough to `'…'`
    // for tokens and headers; a `$` before the command comes with what is copied from a terminal.
    let joined = text.replace("\\\r\n", "").replace("\\\n", "");
    let text = joined.trim_start().trim_start_matches("$ ").replace("$'", "'");
    let words = shlex::split(&text).ok_or("is a curl command line with a quote that does not end")?;
    let mut options = Options::default();
    let mut words = words.into_iter().skip(1);
    while let Some(word) = words.next() {
        options.take(word, &mut words)?;
    }
    options.request()
}

/// What a command line asks for.
#[derive(Default)]
struct Options {
    method: Option<String>,
    url: Option<String>,
    headers: Vec<(String, String)>,
    data: Vec<String>,
    data_in_query: bool,
    is_head: bool,
}

impl Options {
    /// Takes an option, with its value from the words after it.
    fn take(&mut self, word: String, rest: &mut impl Iterator<Item = String>) -> Result<(), String> {
        let mut value = || rest.next().ok_or_else(|| format!("is a curl command line that ends after {word}"));
        if word.starts_with("--") {
            return match word.as_str() {
                "--get" | "--head" => self.set_flag(if word == "--get" { 'G' } else { 'I' }),
                "--request" => self.set('X', value()?),
                "--header" => self.set('H', value()?),
                "--cookie" => self.set('b', value()?),
                "--user" => self.set('u', value()?),
                "--user-agent" => self.set('A', value()?),
                "--data" | "--data-raw" | "--data-binary" | "--data-ascii" | "--data-urlencode" | "--json" => {
                    self.set('d', value()?)
                }
                "--form" | "--form-string" => self.set('F', value()?),
                "--url" => self.set_url(value()?),
                "--oauth2-bearer" => self.set('H', format!("Authorization: Bearer {}", value()?)),
                flag if FLAGS.contains(&flag) || flag.starts_with("--no-") => Ok(()),
                _ => value().map(drop),
            };
        }
        let Some(short) = word.strip_prefix('-').filter(|short| !short.is_empty()) else { return self.set_url(word) };
        // Short options stand together: `-sSXPOST`.
        for (at, option) in short.char_indices() {
            if SHORT_FLAGS.contains(option) {
                self.set_flag(option)?;
                continue;
            }
            let attached = short.get(at.saturating_add(option.len_utf8())..).filter(|attached| !attached.is_empty());
            return match attached {
                Some(attached) => self.set(option, attached.to_owned()),
                None => self.set(option, value()?),
            };
        }
        Ok(())
    }

    fn set_flag(&mut self, option: char) -> Result<(), String> {
        match option {
            'G' => self.data_in_query = true,
            'I' => self.is_head = true,
            _ => {}
        }
        Ok(())
    }

    fn set(&mut self, option: char, value: String) -> Result<(), String> {
        match option {
            'X' => self.method = Some(value),
            // `name;` is curl's way to send an empty header, `name:` the one not to send it.
            'H' => {
                if let Some((name, value)) = value.split_once(':').filter(|(_, value)| !value.trim().is_empty()) {
                    self.headers.push((name.trim().to_owned(), value.trim().to_owned()));
                }
            }
            'b' if value.contains('=') => self.headers.push(("Cookie".to_owned(), value)),
            // Basic authentication: that there is an Authorization header matters, not what is in it.
            'u' => self.headers.push(("Authorization".to_owned(), "Basic".to_owned())),
            'd' | 'F' => self.data.push(value),
            _ => {}
        }
        Ok(())
    }

    fn set_url(&mut self, url: String) -> Result<(), String> {
        match self.url.replace(url) {
            None => Ok(()),
            Some(_) => Err("is a curl command line with several URLs; expected one".to_owned()),
        }
    }

    fn request(self) -> Result<GivenRequest, String> {
        let mut target = target_of(&self.url.ok_or("is a curl command line without a URL")?);
        if self.data_in_query && !self.data.is_empty() {
            let separator = if target.contains('?') { '&' } else { '?' };
            target = format!("{target}{separator}{}", self.data.join("&"));
        }
        let method = self.method.unwrap_or_else(|| {
            let posts = !self.data.is_empty() && !self.data_in_query;
            (if self.is_head {
                "HEAD"
            } else if posts {
                "POST"
            } else {
                "GET"
            })
            .to_owned()
        });
        Ok(GivenRequest { method, target, headers: self.headers, ..GivenRequest::default() })
    }
}
