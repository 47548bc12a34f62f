//! How values are called in memory that workers share, and with them other versions of this module.

use std::fmt::Display;

/// The format of all that is shared. While one version of the module takes another's place, both run side by side in one
/// memory, and each must find only what it can read. So raise this number with every change of what a value means: of the
/// schedule of a key set, of its text, of a list of revoked tokens as workers share it, of the buckets of used proofs and of
/// the hash by which a proof is known. Then the new version fetches key sets for itself, and takes proofs once more that the
/// old one has taken.
const FORMAT: &str = "jwt_auth.1";

/// The name of a shared value, which no version with another format uses.
pub(crate) fn shared_name(of: impl Display) -> String {
    format!("{FORMAT} {of}")
}
