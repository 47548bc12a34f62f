//! A run of the program that goes on until it is stopped, and what it has printed so far.

use std::{
    io::Read,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Condvar, Mutex},
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::folder::Run;

/// Nothing that is waited for takes as long, unless it never comes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A stream of the program's, read as it comes.
pub(crate) struct Stream {
    read: Arc<(Mutex<String>, Condvar)>,
    reader: JoinHandle<()>,
}

/// A program that runs.
pub(crate) struct Running {
    program: Program,
    pub(crate) out: Stream,
    pub(crate) err: Stream,
}

/// It ends with its test, also when that fails.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

impl Stream {
    fn of(mut stream: impl Read + Send + 'static) -> Self {
        let read = Arc::new((Mutex::new(String::new()), Condvar::new()));
        let shared = Arc::clone(&read);
        let reader = thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = stream.read(&mut piece) {
                shared.0.lock().unwrap().push_str(str::from_utf8(&piece[..length]).unwrap());
                shared.1.notify_all();
            }
        });
        Self { read, reader }
    }

    /// Waits until a text has been printed.
    pub(crate) fn wait_for(&self, text: &str) {
        self.wait_until(text, |read| read.contains(text));
    }

    /// Waits until a condition holds for all that has been printed.
    pub(crate) fn wait_until(&self, what: &str, holds: impl Fn(&str) -> bool) {
        let (read, changed) = &*self.read;
        let (read, waited) = changed.wait_timeout_while(read.lock().unwrap(), PATIENCE, |read| !holds(read)).unwrap();
        assert!(!waited.timed_out(), "no {what}: {read}");
    }

    fn whole(self) -> String {
        self.reader.join().unwrap();
        let read = self.read.0.lock().unwrap();
        read.clone()
    }
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (out, err) = (Stream::of(child.stdout.take().unwrap()), Stream::of(child.stderr.take().unwrap()));
        Self { program: Program(child), out, err }
    }

    /// What is written here, the program reads from its standard input.
    #[allow(dead_code, reason = "not every test needs it")]
    pub(crate) fn input(&mut self) -> ChildStdin {
        self.program.0.stdin.take().unwrap()
    }

    /// Stops it as Ctrl-C does; gives how it ended, and what it has printed.
    pub(crate) fn stop(mut self) -> Run {
        let number = self.program.0.id().to_string();
        assert!(Command::new("kill").args(["-INT", &number]).status().unwrap().success());
        let code = self.program.0.wait().unwrap().code();
        let (out, err) = (self.out.whole(), self.err.whole());
        let code = code.unwrap_or_else(|| panic!("ended by the signal: {out}{err}"));
        Run { code, out, err }
    }
}
