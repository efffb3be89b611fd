//! Tells the operator which boot file could not be made, and takes it back once it can: as the problem of the Machine's boot
//! (`status.boot.problem`), and in an Event.
//!
//! Whichever replica was asked tells, as only it knows. Invariants: requests never wait for this; the same failure again is
//! told at most once a minute, and what is told at all is bounded ([`REMEMBERED`], and by the journal); a problem that
//! somebody else told of is never taken back.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use metalman_core::{api::Machine, inventory};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{Boot, Entry, Journal};
use crate::{
    events::{Kind, Recorder},
    images::ImageState,
    metrics::Metrics,
};

/// Failures remembered at most, to tell each once.
const REMEMBERED: usize = 4096;
/// How long the same is not told again.
const AGAIN: Duration = Duration::from_mins(1);
/// How often it is looked whether a problem could be taken back.
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
    const IMAGE_DIGEST: &'static str = "netboot image sha256:";

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
                    || (message.starts_with(Self::IMAGE_DIGEST)
                        && !message.strip_prefix(Self::IMAGE).is_some_and(|rest| rest.starts_with(short(digest))))
            }
        }
    }
}

/// Enough of a digest to tell images apart.
fn short(digest: &str) -> &str {
    digest.get(.."sha256:".len() + 12).unwrap_or(digest)
}

/// Takes failures and successes.
#[derive(Debug)]
pub struct Problems {
    pub(super) journal: Arc<Journal>,
    /// When what was told, by Machine and subject.
    told: Mutex<BTreeMap<(String, String), (Instant, String)>>,
    pub(super) events: Recorder,
    metrics: Arc<Metrics>,
}

impl Problems {
    /// Tells by these.
    pub fn new(events: Recorder, journal: Arc<Journal>, metrics: Arc<Metrics>) -> Self {
        Self { journal, told: Mutex::default(), events, metrics }
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
        self.journal.note(machine, Entry::Problem(message));
    }

    /// It works.
    pub(super) fn works(&self, machine: &Arc<Machine>, subject: Subject<'_>) {
        if let Some(told) = told(machine).filter(|told| subject.settles(told)) {
            self.solved(machine, told);
        }
    }

    /// What was told of this Machine is out of date.
    fn solved(&self, machine: &Arc<Machine>, told: &str) {
        if self.is_news(machine.name(), String::new(), told, RECHECK, Instant::now()) {
            self.lock().retain(|(name, subject), _| name != machine.name() || subject.is_empty());
            self.journal.note(machine, Entry::Solved(told.to_owned()));
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

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(String, String), (Instant, String)>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the Machine itself says was told of it, also by another replica, and before a restart.
fn told(machine: &Machine) -> Option<&str> {
    machine.status.as_ref()?.boot.as_ref()?.problem.as_deref()
}

/// Until stopped, takes back what is out of date though its machine never asks again, and forgets boots that are over.
pub async fn run(boot: Boot, stop: CancellationToken) {
    let mut recheck = tokio::time::interval(RECHECK);
    let mut swept = Instant::now();
    while stop.run_until_cancelled(recheck.tick()).await.is_some() {
        boot.recheck_problems();
        if swept.elapsed() >= SWEEP {
            swept = Instant::now();
            boot.sessions.expire();
        }
    }
}

impl Boot {
    fn recheck_problems(&self) {
        let suspects: Vec<Arc<Machine>> = {
            let inventory = self.inventory.read();
            inventory.machines().filter(|machine| told(machine).is_some()).cloned().collect()
        };
        for machine in &suspects {
            if let Some(told) = told(machine).filter(|told| self.is_mended(machine, told)) {
                self.problems.solved(machine, told);
            }
        }
    }

    /// Whether what was told of a Machine cannot happen to it again: its user-data resolves, or it has another image now, and
    /// no boot under way still has the one that was told of.
    fn is_mended(&self, machine: &Arc<Machine>, told: &str) -> bool {
        if Subject::UserData.settles(told) {
            return self.user_data.of(machine).is_ok();
        }
        let ImageState::Ready(current) = self.images.of(machine) else { return false };
        let is_about =
            |digest: &str| told.strip_prefix(Subject::IMAGE).is_some_and(|rest| rest.starts_with(short(digest)));
        let is_other = told.starts_with(Subject::IMAGE_DIGEST) && !is_about(&current.digest);
        let inventory = self.inventory.read();
        let leases = inventory.get(machine.name()).into_iter().flat_map(inventory::Entry::leases);
        let mut booting = leases.filter_map(|lease| self.sessions.offered(lease.mac, None));
        is_other && !booting.any(|image| is_about(&image.digest))
    }
}

#[cfg(test)]
mod tests;
