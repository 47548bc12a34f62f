//! Ctrl-C, for the commands that go on until somebody stops them.

/// Has something done when the program is asked to end: by Ctrl-C, by its terminal that closes, or by `kill`.
///
/// # Errors
/// If the system does not allow it.
pub(crate) fn on(end: impl FnMut() + Send + 'static) -> Result<(), String> {
    ctrlc::set_handler(end).map_err(|error| format!("Ctrl-C cannot be noticed: {error}"))
}
