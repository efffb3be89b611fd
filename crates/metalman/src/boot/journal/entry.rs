//! What the journal takes, and how it is written down.

use std::time::Duration;

use jiff::Timestamp;
use metalman_core::{
    api::{Machine, MachineStatus},
    lifecycle::{report, timeline::Step},
};
use metalman_wire::boot_event::{BootEvent, BootStep};
use tokio::sync::oneshot;

use super::Unwritten;

/// Something seen or told of a Machine.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// A boot server saw this step.
    Progress {
        /// The step.
        step: Step,
        /// Details for people.
        message: Option<String>,
    },
    /// A boot file could not be made; why.
    Problem(String),
    /// That problem is out of date.
    Solved(String),
    /// The installer or the agent told of its progress.
    Event(BootEvent),
    /// The installer is done.
    Installed,
    /// cloud-init told of one of its stages or modules.
    CloudInit(report::Event),
}

/// An entry on its way.
#[derive(Debug)]
pub(super) struct Filed {
    pub(super) entry: Entry,
    /// When it was seen, which is what is written.
    pub(super) at: Timestamp,
    /// Who waits for it to be written.
    pub(super) done: Option<oneshot::Sender<Result<(), Unwritten>>>,
}

impl Filed {
    /// Whether an entry that waits need not be written once this one is: another percentage of the same.
    pub(super) fn supersedes(&self, waiting: &Self) -> bool {
        let is_alike = match (&self.entry, &waiting.entry) {
            (Entry::Event(new), Entry::Event(old)) => new.step == old.step && old.step == BootStep::ImageWriting,
            (new, old) => new == old,
        };
        is_alike && self.done.is_none() && waiting.done.is_none()
    }

    /// Whether it is worth trying again after so long.
    ///
    /// Not the end of an installation: written much later it could be taken for the end of the next one. Whoever reported
    /// it was told that it is not written.
    pub(super) fn keeps(&self, now: Timestamp, kept: Duration) -> bool {
        let age = now.duration_since(self.at);
        self.entry != Entry::Installed && age.unsigned_abs() < kept
    }

    /// Tells whoever waits.
    pub(super) fn answer(&mut self, outcome: Result<(), Unwritten>) {
        if let Some(done) = self.done.take() {
            // Whoever gave up waiting asks again, or not.
            let _ = done.send(outcome);
        }
    }
}

/// Writes entries down, oldest first. The message follows the boot's problem at once.
pub(super) fn apply(machine: &Machine, status: &mut MachineStatus, batch: &[Filed]) {
    let before = problem(status);
    for Filed { entry, at, .. } in batch {
        write(machine, status, entry, *at);
    }
    let after = problem(status);
    if after != before && (after.is_some() || status.message == before) {
        status.message = after;
    }
}

fn write(machine: &Machine, status: &mut MachineStatus, entry: &Entry, at: Timestamp) {
    match entry {
        Entry::Progress { step, message } => report::seen(status, *step, message.clone(), at),
        Entry::Problem(message) => report::problem(status, Some(message.clone())),
        Entry::Solved(outdated) => problem(status).as_ref() == Some(outdated) && report::problem(status, None),
        Entry::Event(event) => report::boot_event(status, event, at),
        Entry::Installed => report::installed(machine, status, at),
        Entry::CloudInit(event) => report::cloud_init(status, event, machine.metadata.generation, at),
    };
}

fn problem(status: &MachineStatus) -> Option<String> {
    status.boot.as_ref()?.problem.clone()
}
