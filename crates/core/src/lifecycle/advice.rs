//! What a person is to do next about a Machine: sentences, and commands to copy.
//!
//! Role: for the command line. It reads only what is in the Machine, so it can be asked by who has no access to anything else.
//!
//! Invariants:
//! - it never takes part in a decision of metalman's;
//! - what is to be repaired comes before what asks for another attempt;
//! - a command stands as it can be typed; what a person must fill in is written `'…'`. It never holds a secret.

mod conditions;
mod standing;
mod steps;

pub use self::standing::{Standing, standing};

use super::timeline::{self, Step};
use crate::api::conditions::{ConditionStatus, IMAGE_READY};
use crate::api::{Machine, MachineStatus, Phase, labels};
use jiff::Timestamp;
use std::time::Duration;

/// How long a new Machine may go without anybody having looked at it.
const FIRST_LOOK: Duration = Duration::from_mins(1);

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// What, and why.
    pub text: String,
    /// The command that does it, or that shows more.
    pub command: Option<String>,
}

impl Advice {
    fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), command: None }
    }

    fn with(self, command: impl Into<String>) -> Self {
        Self { command: Some(command.into()), ..self }
    }
}

/// What to do next, most urgent first; empty where metalman needs nobody.
pub fn advice(machine: &Machine, now: Timestamp) -> Vec<Advice> {
    if machine.metadata.deletion_timestamp.is_some() {
        return Vec::new();
    }
    if let Some(alone) = left_alone(machine) {
        return vec![alone];
    }
    let nothing = MachineStatus::default();
    let status = machine.status.as_ref().unwrap_or(&nothing);
    if let Some(unseen) = unseen(machine, status, now) {
        return vec![unseen];
    }
    let obstacles = [
        conditions::leases(machine, status),
        conditions::image(machine, status),
        conditions::bmc(machine, status),
        conditions::attestation(machine, status),
        conditions::cloud_init(machine, status),
        problem(status),
        somebody_else(machine, status),
        conditions::boot_order(machine, status),
    ];
    let mut advice: Vec<Advice> = obstacles.into_iter().flatten().collect();
    // What is known to be wrong explains why nothing moves; guesses would only distract.
    if advice.is_empty() {
        advice.extend(steps::stuck(machine, now));
    }
    advice.extend(given_up(machine, status));
    advice.extend(conditions::lease_warning(machine, status));
    if advice.is_empty() {
        advice.extend(idle(machine, status));
    }
    advice
}

/// A Machine that is none of metalman's.
fn left_alone(machine: &Machine) -> Option<Advice> {
    if machine.spec.pxe.is_some() || machine.provider().is_some() {
        return None;
    }
    let text = "metalman leaves it alone, as it has no spec.pxe; add one to have it provisioned";
    Some(Advice::new(text).with(format!("kubectl edit machine {}", machine.name())))
}

/// A Machine that nobody looks at.
fn unseen(machine: &Machine, status: &MachineStatus, now: Timestamp) -> Option<Advice> {
    let created = machine.metadata.creation_timestamp.as_ref()?.0;
    let waited = Duration::try_from(now.duration_since(created)).unwrap_or_default();
    if machine.provider().is_some() || *status != MachineStatus::default() || waited < FIRST_LOOK {
        return None;
    }
    let (who, lease) = match machine.site() {
        Some(site) => (format!("metalman of site {site}"), format!("metalman-{site}")),
        None => ("metalman without --site".to_owned(), "metalman".to_owned()),
    };
    let text = format!("no {who} has looked at it yet: see whether one runs and holds its lease");
    Some(Advice::new(text).with(format!("kubectl -n {} get lease {lease}", labels::DEFAULT_NAMESPACE)))
}

/// What machines met while they booted.
fn problem(status: &MachineStatus) -> Option<Advice> {
    let problem = status.boot.as_ref()?.problem.as_deref().filter(|problem| !problem.is_empty())?;
    Some(Advice::new(format!("correct what holds its boot up: {problem}")))
}

/// An operation that somebody else must carry out.
fn somebody_else(machine: &Machine, status: &MachineStatus) -> Option<Advice> {
    if !machine.reboot_wanted() && !machine.repave_wanted() {
        return None;
    }
    if let Some(provider) = machine.provider() {
        let text = format!("another controller powers it ({}: {provider}): see what that one says", labels::PROVIDER);
        return Some(Advice::new(text));
    }
    let has_bmc = machine.spec.pxe.as_ref().is_some_and(|pxe| pxe.redfish.is_some());
    let booted = timeline::furthest(status).is_some_and(|step| step >= Step::Dhcp);
    let way = if machine.repave_wanted() { ", and let it boot from the network" } else { "" };
    (!has_bmc && !booted).then(|| {
        Advice::new(format!("power-cycle it yourself{way}: without spec.pxe.redfish, metalman cannot reach its power"))
    })
}

/// An operation that was given up is asked for again.
fn given_up(machine: &Machine, status: &MachineStatus) -> Option<Advice> {
    let failed = status.phase == Some(Phase::Failed);
    let failure = status.operations.as_ref().and_then(|operations| operations.failure.as_deref());
    if !failed && failure.is_none() {
        return None;
    }
    let word = if conditions::needs_repave(machine, status) { "repave" } else { "reboot" };
    let why = failure.map_or_else(String::new, |failure| format!(" ({failure})"));
    let text = format!("then, once the cause is gone{why}, ask for it again");
    Some(Advice::new(text).with(format!("kubectl metalman machine {word} {}", machine.name())))
}

/// A Machine on which nothing is under way.
fn idle(machine: &Machine, status: &MachineStatus) -> Option<Advice> {
    if machine.reboot_wanted() || machine.repave_wanted() || machine.provider().is_some() {
        return None;
    }
    let image = status.condition(IMAGE_READY).is_some_and(|image| image.status == ConditionStatus::True);
    if image && machine.done_counters().repave == 0 && status.phase == Some(Phase::Pending) {
        let text = "nothing was asked of it yet; to install it, which wipes its disk";
        return Some(Advice::new(text).with(format!("kubectl metalman machine repave {}", machine.name())));
    }
    let has_bmc = machine.spec.pxe.as_ref().is_some_and(|pxe| pxe.redfish.is_some());
    (has_bmc && status.power.as_deref() == Some("Off")).then(|| {
        let text = "its power is off, and nothing is asked of it; to switch it on";
        Advice::new(text).with(format!("kubectl metalman machine reboot {}", machine.name()))
    })
}

#[cfg(test)]
mod tests;
