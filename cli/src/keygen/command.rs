//! `jwt-auth keygen`.

use std::process::ExitCode;

use jwt_auth_filter::crypto::Algorithm::*;

use super::{NewKey, USUAL_BITS};
use crate::{cli::KeygenArguments, output};

/// Makes a key and prints it.
pub(crate) fn run(arguments: &KeygenArguments) -> ExitCode {
    let is_rsa = matches!(arguments.algorithm, RS256 | RS384 | RS512 | PS256 | PS384 | PS512);
    if arguments.bits.is_some() && !is_rsa {
        return output::fail("--bits is for RSA keys: RS256 to RS512, PS256 to PS512");
    }
    let bits = arguments.bits.unwrap_or(USUAL_BITS);
    match NewKey::generate(arguments.algorithm, bits, arguments.kid.as_deref()) {
        Some(key) => output::print(&key.to_string()),
        None => output::fail("the key cannot be made"),
    }
}
