//! What operators read of fetches.

use log::{Level, debug, info, log, warn};

use super::Throttle;
use crate::{
    jwks::{Event, Kind, Source},
    token::Timestamp,
};

/// How many lines about fetches are logged in a second. An outage of thousands of issuers is one event.
const LINES_PER_SECOND: u32 = 20;

/// The lines about fetches of key sets.
pub struct FetchLog {
    lines: Throttle,
}

impl Default for FetchLog {
    fn default() -> Self {
        Self { lines: Throttle::new(LINES_PER_SECOND) }
    }
}

impl FetchLog {
    /// Tells how many fetches were not logged, once their second is over.
    pub fn tell_left_out(&self, now: impl FnOnce() -> Timestamp) {
        if let Some(count) = self.lines.left_out(now) {
            warn!("{count} more fetches are not logged one by one; the counters include them");
        }
    }

    /// Tells what became of a fetch.
    pub fn tell(&self, source: &Source, event: &Event, now: Timestamp) {
        self.tell_left_out(|| now);
        if !self.lines.admits(now) {
            return;
        }
        let what = match source.kind {
            Kind::KeySet => "key set",
            Kind::RevocationList => "revocation list",
        };
        match event {
            Event::Arrived { is_new: false, .. } => debug!("{what} {source}: unchanged"),
            Event::Arrived { count: 1, .. } if source.kind == Kind::RevocationList => info!("{what} {source}: 1 entry"),
            Event::Arrived { count, .. } if source.kind == Kind::RevocationList => {
                info!("{what} {source}: {count} entries");
            }
            Event::Arrived { count, passed_over, .. } => {
                let s = if *count == 1 { "" } else { "s" };
                match count {
                    0 => warn!("{what} {source}: it has no usable key, so its tokens are refused"),
                    _ => info!("{what} {source}: {count} key{s}"),
                }
                if !passed_over.is_empty() {
                    let is_usual = *count > 0 && passed_over.is_as_meant();
                    log!(if is_usual { Level::Info } else { Level::Warn }, "{what} {source}: {passed_over}");
                }
            }
            Event::Failed { error, retry_in } => {
                warn!("{what} {source}: {error}; trying again in {:.1} s", retry_in.as_secs_f64());
            }
        }
    }
}

impl Drop for FetchLog {
    /// No more will come.
    fn drop(&mut self) {
        self.tell_left_out(|| Timestamp::MAX);
    }
}
