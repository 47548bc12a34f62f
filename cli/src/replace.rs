//! A file that is replaced as a whole, so that whoever reads or watches it sees the old one or the new one, and nothing between.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use crate::input::{MAX_BYTES, without_number};

/// A file that nobody else changes in the meantime, if they ask as this program does.
pub(crate) struct Held {
    /// The file itself, where the path is a symbolic link.
    path: PathBuf,
    directory: PathBuf,
    /// Locked until it is dropped.
    lock: File,
    before: Vec<u8>,
    metadata: fs::Metadata,
}

impl Held {
    /// Waits until no other run of the program changes a file of the same folder, and reads the file.
    ///
    /// # Errors
    /// A line that names the file: it is not there, no regular file, too large, or its folder cannot be opened.
    pub(crate) fn of(path: &Path) -> Result<Self, String> {
        let refuse = |error: io::Error| format!("{}: {}", path.display(), without_number(&error));
        let path = fs::canonicalize(path).map_err(refuse)?;
        let directory = path.parent().unwrap_or(Path::new("/")).to_owned();
        let lock = File::open(&directory).map_err(refuse)?;
        lock.lock().map_err(refuse)?;
        let metadata = fs::metadata(&path).map_err(refuse)?;
        if !metadata.is_file() {
            return Err(format!("{}: not a regular file, so it cannot be replaced", path.display()));
        }
        let before = read(&path).map_err(refuse)?;
        if before.len() as u64 > MAX_BYTES {
            return Err(format!("{}: larger than 64 MiB", path.display()));
        }
        Ok(Self { path, directory, lock, before, metadata })
    }

    /// What the file holds.
    ///
    /// # Errors
    /// If it is no text.
    pub(crate) fn text(&self) -> Result<&str, String> {
        let text = std::str::from_utf8(&self.before).ok().filter(|text| !text.contains('\0'));
        text.ok_or_else(|| format!("{}: not a text file (UTF-8)", self.path.display()))
    }

    /// Puts a text in the place of the file's in one step, and on the disk before that. Mode and owner stay.
    ///
    /// # Errors
    /// If the file is as it was: it was changed meanwhile, or the folder, the disk or the owner does not allow it.
    pub(crate) fn replace(self, text: &str) -> Result<(), String> {
        let name = self.path.display();
        let refuse = |error: io::Error| format!("{name}: {}; the file is as it was", without_number(&error));
        let mut next = tempfile::Builder::new()
            .prefix(".jwt-auth-")
            .suffix(".next")
            .tempfile_in(&self.directory)
            .map_err(refuse)?;
        next.write_all(text.as_bytes()).map_err(refuse)?;
        self.keep_owner(&next)
            .map_err(|_| format!("{name}: its owner or group cannot be kept by you; the file is as it was"))?;
        next.as_file().set_permissions(self.metadata.permissions()).map_err(refuse)?;
        next.as_file().sync_all().map_err(refuse)?;
        if read(&self.path).map_err(refuse)? != self.before {
            return Err(format!("{name}: changed by somebody else meanwhile, and left as it is; try again"));
        }
        next.persist(&self.path).map_err(|error| refuse(error.error))?;
        // The new file is in its place. A folder that cannot be synced is no reason to say otherwise.
        _ = self.lock.sync_all();
        Ok(())
    }

    #[cfg(unix)]
    fn keep_owner(&self, next: &NamedTempFile) -> io::Result<()> {
        use std::os::unix::fs::{MetadataExt, fchown};

        let (old, new) = (&self.metadata, next.as_file().metadata()?);
        let unless_same = |old: u32, new: u32| (old != new).then_some(old);
        let (user, group) = (unless_same(old.uid(), new.uid()), unless_same(old.gid(), new.gid()));
        if user.or(group).is_some() { fchown(next.as_file(), user, group) } else { Ok(()) }
    }

    #[cfg(not(unix))]
    fn keep_owner(&self, _: &NamedTempFile) -> io::Result<()> {
        Ok(())
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}
