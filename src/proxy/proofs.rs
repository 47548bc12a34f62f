//! The memory of used proofs, in the data that the host's workers share.

use super::abi::{self, Status};
use crate::sender::{Declined, SharedData};

/// Data that workers share in Envoy.
pub(super) struct HostData;

/// The number of a change that no value has had yet: in Envoy, which numbers all changes of a process from 1 on, and takes any
/// value that is not there, this writes only where nothing is. 0 would write in any case.
const NEVER: u32 = u32::MAX;

impl SharedData for HostData {
    fn read(&self, name: &str) -> Result<Option<(Vec<u8>, u32)>, Declined> {
        match abi::shared_data(name) {
            Ok(found) => Ok(Some(found)),
            Err(Status::NOT_FOUND) => Ok(None),
            Err(_) => Err(Declined),
        }
    }

    fn write(&self, name: &str, value: &[u8], unless_changed_since: Option<u32>) -> Result<bool, Declined> {
        match abi::set_shared_data(name, value, unless_changed_since.unwrap_or(NEVER)) {
            Ok(()) => Ok(true),
            Err(Status::CAS_MISMATCH) => Ok(false),
            Err(_) => Err(Declined),
        }
    }

    fn chance(&self) -> Result<u64, Declined> {
        abi::random().map_err(|_| Declined)
    }
}
