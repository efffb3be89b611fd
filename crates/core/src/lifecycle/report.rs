//! What machines tell of themselves, written down: progress of a boot, `/pxe/disable`, cloud-init's events.
//!
//! Role: any replica that was asked calls these through the one writer of status ("witness"); nothing is decided here.
//!
//! Invariants:
//! - a counter moves only forward, and never past what was asked for;
//! - the steps of a pending operation (asked, power) outlive the boots that it takes: its deadlines count from them;
//! - a report that says nothing new changes nothing.

mod boot_event;
mod cloud_init;

pub use self::boot_event::{boot_event, seen};
pub use self::cloud_init::{Event, cloud_init};
use super::timeline::{self, Step};
use crate::api::conditions::{ConditionStatus, Observation, REPAVED, reason};
use crate::api::{Machine, MachineStatus};
use jiff::Timestamp;

/// Characters of what a machine tells that are kept: it may post anything.
const KEPT: usize = 200;

/// The installer is done (`/pxe/disable`). Says whether a pending repave was marked as done; a report while none is
/// pending is welcome too, and changes nothing.
///
/// A system that posts this before its own installation was begun is not believed: between "asked" and the first power-on
/// of an operation, only the system that is about to be replaced can speak.
pub fn installed(machine: &Machine, status: &mut MachineStatus, now: Timestamp) -> bool {
    let done = status.counters().repave;
    let Some(counter) = repave_in_progress(machine, status).filter(|counter| *counter > done) else { return false };
    if is_first_cycle(machine, status) && !came_back(status) {
        return false;
    }
    status.operations.get_or_insert_default().repave_counter = Some(counter);
    let image = machine.spec.pxe.as_ref().map_or("", |pxe| pxe.image.as_str());
    let observation = Observation::new(REPAVED, ConditionStatus::True, reason::SUCCEEDED, format!("image={image}"));
    status.set_condition(&observation, machine.metadata.generation, now);
    problem(status, None);
    timeline::record(status, Step::Installed, None, now);
    true
}

/// The repave that a report of success can be about: the one attempted, else (nothing was attempted: somebody else powered
/// the machine) the one asked for.
fn repave_in_progress(machine: &Machine, status: &MachineStatus) -> Option<i64> {
    let attempted = status.operations.as_ref().and_then(|operations| operations.attempted_repave_counter);
    attempted.filter(|attempted| *attempted > status.counters().repave).or(Some(machine.wanted_counters().repave))
}

/// Whether metalman is at its first cycle for this operation, whose power it handles itself.
fn is_first_cycle(machine: &Machine, status: &MachineStatus) -> bool {
    let attempts = status.operations.as_ref().and_then(|operations| operations.attempts).unwrap_or(0);
    machine.provider().is_none()
        && machine.spec.pxe.as_ref().is_some_and(|pxe| pxe.redfish.is_some())
        && attempts == 1
        && timeline::time(status, Step::Asked).is_some()
}

/// Whether the machine was powered on, or booted from the network, since it was asked for.
fn came_back(status: &MachineStatus) -> bool {
    timeline::furthest(status).is_some_and(|step| step >= Step::PoweringOn)
}

/// A step of a boot was seen: DHCP from firmware (not a bootloader's or an operating system's), a bootloader or kernel
/// fetched, what the installer and the agent tell. Says whether anything changed.
///
/// Firmware asks for an address once per boot. Hence its request after a boot that got further begins the next boot, and
/// the one after the installer was done says that the machine started from its disk.
pub fn progress(status: &mut MachineStatus, step: Step, message: Option<String>, now: Timestamp) -> bool {
    let before = status.boot.clone();
    match timeline::furthest(status) {
        Some(furthest) if step == Step::Dhcp && furthest == Step::Installed => {
            timeline::record(status, Step::Rebooted, message, now);
        }
        // The same boot: firmware that asks again, on another NIC or for another address family.
        Some(Step::Dhcp | Step::Rebooted) if step == Step::Dhcp => {}
        Some(furthest) if step == Step::Dhcp && furthest > Step::Dhcp => {
            begin_boot(status);
            timeline::record(status, step, message, now);
        }
        _ => timeline::record(status, step, message, now),
    }
    status.boot != before
}

/// Forgets the boot before; of an operation in progress only what that boot did, not when it was asked and powered.
fn begin_boot(status: &mut MachineStatus) {
    if is_operation_in_progress(status) {
        timeline::forget_from(status, Step::Dhcp);
        problem(status, None);
    } else {
        status.boot = None;
    }
}

fn is_operation_in_progress(status: &MachineStatus) -> bool {
    status.operations.as_ref().is_some_and(|operations| {
        let done = status.counters();
        operations.attempted_reboot_counter.unwrap_or(0) > done.reboot
            || operations.attempted_repave_counter.unwrap_or(0) > done.repave
    })
}

/// What holds this boot up, for people (a template that fails, user-data that does not resolve), or that nothing does any
/// more. Says whether anything changed.
pub fn problem(status: &mut MachineStatus, problem: Option<String>) -> bool {
    let current = status.boot.as_ref().and_then(|boot| boot.problem.as_ref());
    if current == problem.as_ref() {
        return false;
    }
    status.boot.get_or_insert_default().problem = problem;
    if status.boot == Some(crate::api::status::BootStatus::default()) {
        status.boot = None;
    }
    true
}

/// What a machine tells, fit to be read on a terminal: without control characters, and not too long.
pub fn plain(text: &str) -> String {
    text.chars().take(KEPT).map(|char| if char.is_control() { ' ' } else { char }).collect()
}

#[cfg(test)]
mod tests;
