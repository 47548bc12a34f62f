//! An issuer over HTTPS, with a certificate that only the authority of these tests has signed.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    sync::Arc,
    thread,
};

use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

/// What is answered for a path: the status, and the headers behind it with the body.
type Answers = HashMap<String, (u16, String)>;

/// Answers each path as it is told, with as many connections as there are requests; anything else with 404. Gives its origin.
/// `{origin}` in a body is that.
pub(crate) fn start(answers: &[(&str, u16, &str)]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let answers: Answers = answers
        .iter()
        .map(|(path, status, body)| ((*path).to_owned(), (*status, body.replace("{origin}", &origin))))
        .collect();
    let config = config();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, stream.unwrap());
            // A client that does not trust the certificate closes the connection.
            _ = answer(&mut stream, &answers);
            stream.conn.send_close_notify();
            _ = stream.flush();
        }
    });
    origin
}

fn answer(stream: &mut StreamOwned<ServerConnection, std::net::TcpStream>, answers: &Answers) -> std::io::Result<()> {
    let mut lines = BufReader::new(&mut *stream).lines();
    let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
    let path = request.split(' ').nth(1).unwrap_or_default();
    let nothing = (404, String::new());
    let (status, body) = answers.get(path).unwrap_or(&nothing);
    let location = if (300..400).contains(status) { "location: /elsewhere\r\n" } else { "" };
    write!(
        stream,
        "HTTP/1.1 {status} X\r\n{location}connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    stream.flush()
}

fn config() -> Arc<ServerConfig> {
    let file = |name: &str| format!("{}/tests/keys/{name}", env!("CARGO_MANIFEST_DIR"));
    let certificate = CertificateDer::from_pem_file(file("localhost.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(file("localhost-key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap())
}
