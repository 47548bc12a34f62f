//! Prints tokens that the crate jsonwebtoken has signed, for each algorithm that it and the filter know, with keys in PEM from the
//! folder that is named: `rsa.pem`, `p256.pem` and so on, and the public ones as `rsa.pub.pem`.

use std::{env, error::Error, fs};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

/// 2100-01-01.
const EXP: u64 = 4_102_444_800;
/// Of Cargo.toml, which asks for exactly this one.
const VERSION: &str = "11.1.0";

fn token(name: &str, algorithm: Algorithm, key: &EncodingKey) -> Result<String, Box<dyn Error>> {
    let claims = json!({"iss": format!("jsonwebtoken (crate)/{name}"), "sub": "interoperability", "exp": EXP});
    Ok(encode(&Header::new(algorithm), &claims, key)?)
}

fn main() -> Result<(), Box<dyn Error>> {
    use Algorithm::*;
    let folder = env::args().nth(1).ok_or("which folder has the keys?")?;
    let read = |name: &str| fs::read_to_string(format!("{folder}/{name}.pem"));
    let mut tokens: Vec<Value> = Vec::new();
    for (name, algorithm) in [("HS256", HS256), ("HS384", HS384), ("HS512", HS512)] {
        let secret = fs::read_to_string(format!("{folder}/secret"))?;
        let token = token(name, algorithm, &EncodingKey::from_base64_secret(secret.trim())?)?;
        let k = secret.trim().replace('+', "-").replace('/', "_");
        tokens.push(json!({"name": name, "key": {"kty": "oct", "k": k.trim_end_matches('=')}, "token": token}));
    }
    for (name, algorithm, file) in [
        ("RS256", RS256, "rsa"),
        ("RS384", RS384, "rsa"),
        ("RS512", RS512, "rsa"),
        ("PS256", PS256, "rsa"),
        ("PS384", PS384, "rsa"),
        ("PS512", PS512, "rsa"),
        ("ES256", ES256, "p256"),
        ("ES384", ES384, "p384"),
        ("EdDSA on Ed25519", EdDSA, "ed25519"),
    ] {
        let pem = read(file)?;
        let key = match file {
            "rsa" => EncodingKey::from_rsa_pem(pem.as_bytes()),
            "ed25519" => EncodingKey::from_ed_pem(pem.as_bytes()),
            _ => EncodingKey::from_ec_pem(pem.as_bytes()),
        }?;
        let public = read(&format!("{file}.pub"))?;
        tokens.push(json!({"name": name, "key": public, "token": token(name, algorithm, &key)?}));
    }
    let made = json!({"library": "jsonwebtoken (crate)", "language": "Rust", "version": VERSION, "tokens": tokens});
    println!("{}", serde_json::to_string_pretty(&made)?);
    Ok(())
}
