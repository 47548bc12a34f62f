//! The files that a command reads.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

/// No configuration, request or key is larger; what is, was given by mistake.
pub(crate) const MAX_BYTES: u64 = 64 << 20;

/// A file, or standard input where it is called `-`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Input(PathBuf);

impl Input {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    pub(crate) fn is_stdin(&self) -> bool {
        self.0 == Path::new("-")
    }

    /// Whether its name says that it is JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.0.extension().is_some_and(|extension| extension == "json")
    }

    /// The file, if it is one.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        (!self.is_stdin()).then(|| self.0.clone())
    }

    /// Whether what is read from it is gone, as from standard input, a pipe or a device.
    pub(crate) fn is_stream(&self) -> bool {
        self.is_stdin() || fs::metadata(&self.0).is_ok_and(|it| !it.is_file() && !it.is_dir())
    }

    /// How it is given on a command line.
    pub(crate) fn argument(&self) -> impl fmt::Display {
        self.0.display()
    }

    /// Its text.
    ///
    /// # Errors
    /// A line that names the file: it cannot be read, is larger than 64 MiB, or is no text.
    pub(crate) fn read(&self) -> Result<String, String> {
        let refuse = |problem: &dyn fmt::Display| format!("{self}: {problem}");
        let mut bytes = Vec::new();
        if self.is_stdin() {
            io::stdin().lock().take(MAX_BYTES.saturating_add(1)).read_to_end(&mut bytes)
        } else {
            File::open(&self.0).and_then(|file| file.take(MAX_BYTES.saturating_add(1)).read_to_end(&mut bytes))
        }
        .map_err(|error| refuse(&without_number(&error)))?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(refuse(&"larger than 64 MiB"));
        }
        match String::from_utf8(bytes) {
            Ok(text) if !text.contains('\0') => Ok(text),
            _ => Err(refuse(&"not a text file (UTF-8)")),
        }
    }
}

impl fmt::Display for Input {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        if self.is_stdin() { formatter.write_str("<stdin>") } else { self.0.display().fmt(formatter) }
    }
}

/// An error of the system in words, without its number.
pub(crate) fn without_number(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}
