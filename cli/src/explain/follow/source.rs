//! Where the lines of a log come from: standard input, or a file that grows, is cut off and is replaced.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::mpsc::{self, Receiver, SyncSender},
    thread,
    time::Duration,
};

use same_file::Handle;

use super::log_lines::LogLines;
use crate::input::{Input, without_number};

/// How long a file is left alone before it is looked at again. Looking works on every file system, also on those of other
/// machines, which tell nobody of a change.
const PAUSE: Duration = Duration::from_millis(200);
/// How many events may wait to be taken, so that a log that grows faster than a terminal shows it costs no memory.
const MAX_EVENTS: usize = 64;
const PIECE_BYTES: usize = 64 << 10;

/// What comes from a log.
pub(super) enum Event {
    Line(String),
    /// Something worth knowing about the log itself.
    Note(String),
    /// Nothing comes any more; or why not.
    End(Result<(), String>),
}

/// A log whose lines become events.
pub(super) struct Source {
    log: Input,
    events: SyncSender<Event>,
}

/// Nobody takes events any more.
struct NobodyListens;

/// Why a file is not followed any more.
enum Ended {
    NobodyListens,
    Failed(io::Error),
}

impl From<NobodyListens> for Ended {
    fn from(NobodyListens: NobodyListens) -> Self {
        Self::NobodyListens
    }
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

impl Source {
    /// A log, and where its events arrive.
    pub(super) fn new(log: Input) -> (Self, Receiver<Event>) {
        let (events, receiver) = mpsc::sync_channel(MAX_EVENTS);
        (Self { log, events }, receiver)
    }

    /// Where others may send events to the same receiver.
    pub(super) fn events(&self) -> SyncSender<Event> {
        self.events.clone()
    }

    /// Reads on a thread of its own: a read of standard input can be broken off by nobody.
    pub(super) fn start(self) {
        thread::spawn(move || {
            let ended = match self.log.file() {
                None => self.read_to_the_end(io::stdin().lock()),
                Some(path) if self.log.is_stream() => {
                    File::open(path).map_err(Ended::from).and_then(|pipe| self.read_to_the_end(pipe))
                }
                Some(path) => self.follow(&path),
            };
            match ended {
                Ok(()) => _ = self.send(Event::End(Ok(()))),
                Err(Ended::NobodyListens) => {}
                Err(Ended::Failed(error)) => {
                    let problem = format!("{}: {}", self.log, without_number(&error));
                    _ = self.send(Event::End(Err(problem)));
                }
            }
        });
    }

    fn send(&self, event: Event) -> Result<(), NobodyListens> {
        self.events.send(event).map_err(|_| NobodyListens)
    }

    fn read_to_the_end(&self, input: impl Read) -> Result<(), Ended> {
        let mut lines = LogLines::default();
        self.read(input, &mut lines)?;
        // The last line may have no end.
        lines.rest().map_or(Ok(()), |line| self.send(Event::Line(line)))?;
        Ok(())
    }

    /// Reads what is there, and says how much that was.
    fn read(&self, mut input: impl Read, lines: &mut LogLines) -> Result<u64, Ended> {
        let mut piece = vec![0; PIECE_BYTES];
        let mut count: u64 = 0;
        loop {
            let length = match input.read(&mut piece) {
                Ok(0) => return Ok(count),
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            let mut sent = Ok(());
            lines.take(piece.get(..length).unwrap_or_default(), |line| {
                if sent.is_ok() {
                    sent = self.send(Event::Line(line));
                }
            });
            sent?;
            count = count.saturating_add(length as u64);
        }
    }

    /// Follows a file for ever.
    fn follow(&self, path: &Path) -> Result<(), Ended> {
        let mut file = Followed { path: path.to_owned(), open: None };
        match file.open_at(SeekFrom::End(0)) {
            Ok(()) => {
                let whole = format!("jwt-auth explain --follow - < {}", path.display());
                self.send(Event::Note(format!(
                    "{}: following it from its end; for what it holds already: {whole}",
                    self.log
                )))?;
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.send(Event::Note(format!("{}: waiting for it; it is not there yet", self.log)))?;
            }
            Err(error) => return Err(error.into()),
        }
        loop {
            self.look(&mut file)?;
            thread::sleep(PAUSE);
        }
    }

    /// Reads what has come since the last look.
    fn look(&self, file: &mut Followed) -> Result<(), Ended> {
        self.read_on(file)?;
        if file.is_replaced() {
            // What was written to the old one after it was read, before the writer took the new one.
            self.read_on(file)?;
            match file.open_at(SeekFrom::Start(0)) {
                Ok(()) => self.read_on(file)?,
                // It has just been replaced once more.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn read_on(&self, file: &mut Followed) -> Result<(), Ended> {
        let Some(open) = &mut file.open else { return Ok(()) };
        if open.file.metadata()?.len() < open.at {
            open.at = open.file.seek(SeekFrom::Start(0))?;
            open.lines = LogLines::default();
        }
        let count = self.read(&open.file, &mut open.lines)?;
        open.at = open.at.saturating_add(count);
        Ok(())
    }
}

/// The file that has the log's name, as far as it was read.
struct Followed {
    path: PathBuf,
    open: Option<Open>,
}

struct Open {
    file: File,
    /// Which file it is, whatever its name has become.
    identity: Handle,
    at: u64,
    lines: LogLines,
}

impl Followed {
    fn open_at(&mut self, place: SeekFrom) -> io::Result<()> {
        let mut file = File::open(&self.path)?;
        if file.metadata()?.is_dir() {
            return Err(io::Error::from(ErrorKind::IsADirectory));
        }
        let identity = Handle::from_file(file.try_clone()?)?;
        let at = file.seek(place)?;
        self.open = Some(Open { file, identity, at, lines: LogLines::default() });
        Ok(())
    }

    /// Whether another file has the name now, with something in it: until then the writer still writes to the old one.
    fn is_replaced(&self) -> bool {
        let is_other = |identity: &Handle| Handle::from_path(&self.path).is_ok_and(|now| now != *identity);
        match &self.open {
            None => fs::metadata(&self.path).is_ok(),
            Some(open) => fs::metadata(&self.path).is_ok_and(|it| it.len() > 0) && is_other(&open.identity),
        }
    }
}
