//! Tells the operator which boot file could not be made, and takes it back once it can: on the Machine's `message` and in an
//! Event.
//!
//! Whichever replica was asked writes, as only it knows. Invariants: requests never wait for this; the same failure again is
//! told at most once a minute, and what is told at all is bounded ([`QUEUE`], [`REMEMBERED`]); a message that somebody else
//! wrote is never taken back.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use metalman_core::api::Machine;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::Sessions;
use crate::{
    events::{Kind, Recorder},
    metrics::Metrics,
    status::{Outcome, StatusWriter},
};

/// Notes that wait for the API server at most.
const QUEUE: usize = 256;
/// Failures remembered at most, to tell each once.
const REMEMBERED: usize = 4096;
/// How long the same is not told again.
const AGAIN: Duration = Duration::from_mins(1);
/// How often it is looked whether a message could be taken back.
const RECHECK: Duration = Duration::from_secs(5);
/// How often boots that are over are forgotten.
const SWEEP: Duration = Duration::from_mins(1);

/// What failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject<'a> {
    /// A file of an image.
    File {
        /// Its path.
        path: &'a str,
        /// The image's digest.
        digest: &'a str,
    },
    /// User-data.
    UserData,
}

impl Subject<'_> {
    const USER_DATA: &'static str = "user-data: ";
    const IMAGE: &'static str = "netboot image ";

    /// What a message about this begins with.
    fn prefix(&self) -> String {
        match self {
            Self::File { path, digest } => format!("{}{}: {path}: ", Self::IMAGE, short(digest)),
            Self::UserData => Self::USER_DATA.to_owned(),
        }
    }

    /// Whether a message is out of date once this works: it told of this, or of an image that is no longer the Machine's.
    fn settles(&self, message: &str) -> bool {
        match self {
            Self::UserData => message.starts_with(Self::USER_DATA),
            Self::File { digest, .. } => {
                message.starts_with(&self.prefix())
                    || message
                        .strip_prefix(Self::IMAGE)
                        .is_some_and(|rest| rest.starts_with("sha256:") && !rest.starts_with(short(digest)))
            }
        }
    }
}

/// Enough of a digest to tell images apart.
fn short(digest: &str) -> &str {
    digest.get(.."sha256:".len() + 12).unwrap_or(digest)
}

#[derive(Debug)]
struct Note {
    machine: Arc<Machine>,
    /// What to say; none: the message that was there is out of date.
    message: Option<String>,
    /// The message to take back.
    outdated: Option<String>,
}

/// Takes failures and successes.
#[derive(Debug)]
pub struct Problems {
    queue: mpsc::Sender<Note>,
    /// When what was told, by Machine and subject.
    told: Mutex<BTreeMap<(String, String), (Instant, String)>>,
    pub(super) events: Recorder,
    metrics: Arc<Metrics>,
}

/// Writes what [`Problems`] takes.
#[derive(Debug)]
pub struct ProblemWriter {
    queue: mpsc::Receiver<Note>,
}

impl Problems {
    /// A pair of both.
    pub fn new(events: Recorder, metrics: Arc<Metrics>) -> (Self, ProblemWriter) {
        let (sender, queue) = mpsc::channel(QUEUE);
        (Self { queue: sender, told: Mutex::default(), events, metrics }, ProblemWriter { queue })
    }

    /// It failed; `why` must hold no secret.
    pub(super) fn failed(&self, machine: &Arc<Machine>, subject: Subject<'_>, reason: &'static str, why: &str) {
        let prefix = subject.prefix();
        let message = format!("{prefix}{why}");
        if !self.is_news(machine.name(), prefix, &message, AGAIN, Instant::now()) {
            return;
        }
        warn!(machine = machine.name(), reason, why, "a boot file cannot be made");
        self.events.record(machine, Kind::Warning, reason, message.clone());
        self.send(Note { machine: machine.clone(), message: Some(message), outdated: None });
    }

    /// It works.
    pub(super) fn works(&self, machine: &Arc<Machine>, subject: Subject<'_>) {
        // The Machine itself says what was told of it, also by another replica, and before a restart.
        let Some(message) = machine.status.as_ref().and_then(|status| status.message.as_ref()) else { return };
        if subject.settles(message) && self.is_news(machine.name(), String::new(), message, RECHECK, Instant::now()) {
            self.lock().retain(|(name, subject), _| name != machine.name() || subject.is_empty());
            self.send(Note { machine: machine.clone(), message: None, outdated: Some(message.clone()) });
        }
    }

    fn is_news(&self, machine: &str, subject: String, message: &str, after: Duration, now: Instant) -> bool {
        let mut told = self.lock();
        let key = (machine.to_owned(), subject);
        if let Some((when, what)) = told.get(&key)
            && what == message
            && now.saturating_duration_since(*when) < after
        {
            return false;
        }
        if told.len() >= REMEMBERED {
            told.retain(|_, (when, _)| now.saturating_duration_since(*when) < AGAIN);
            if told.len() >= REMEMBERED {
                self.metrics.boot.problem_dropped();
                return false;
            }
        }
        told.insert(key, (now, message.to_owned()));
        true
    }

    fn send(&self, note: Note) {
        if self.queue.try_send(note).is_err() {
            self.metrics.boot.problem_dropped();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(String, String), (Instant, String)>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ProblemWriter {
    /// Writes until stopped; also forgets boots that are over.
    pub async fn run(mut self, writer: StatusWriter, sessions: Arc<Sessions>, stop: CancellationToken) {
        let mut sweep = tokio::time::interval(SWEEP);
        loop {
            tokio::select! {
                note = self.queue.recv() => match note {
                    Some(note) => write(&writer, note).await,
                    None => return stop.cancelled().await,
                },
                _ = sweep.tick() => sessions.expire(),
                () = stop.cancelled() => return,
            }
        }
    }
}

async fn write(writer: &StatusWriter, Note { machine, message, outdated }: Note) {
    let written = writer.witness(machine.name(), machine.metadata.uid.as_deref(), |_, status| match &message {
        Some(message) => status.message = Some(message.clone()),
        None if status.message == outdated => status.message = None,
        None => {}
    });
    match written.await {
        Ok(Outcome::Written(_)) => debug!(machine = machine.name(), "boot problem told"),
        Ok(Outcome::Unchanged | Outcome::Gone) => {}
        Err(error) => warn!(machine = machine.name(), %error, "a boot problem was not told on the Machine"),
    }
}

#[cfg(test)]
mod tests;
