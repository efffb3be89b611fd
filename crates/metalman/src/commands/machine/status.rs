//! One Machine in detail: what is wanted, what was seen, where its boot stands, and what to do next.

use std::fmt::Write as _;

use jiff::Timestamp;
use metalman_core::{
    api::{Machine, MachineStatus, Phase, status::BootStep},
    lifecycle::advice::{advice, standing},
};

use super::table::{NONE, age, cell, human, render, spoken};

/// All of it.
pub(super) fn status(machine: &Machine, now: Timestamp) -> String {
    let nothing = MachineStatus::default();
    let status = machine.status.as_ref().unwrap_or(&nothing);
    let mut text = facts(machine, status, now);
    text += &timeline(machine, status, now);
    text += &conditions(status, now);
    text + &next(machine, now)
}

fn facts(machine: &Machine, status: &MachineStatus, now: Timestamp) -> String {
    let pxe = machine.spec.pxe.as_ref();
    let (wanted, done) = (machine.wanted_counters(), machine.done_counters());
    let redfish = pxe.and_then(|pxe| pxe.redfish.as_ref());
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{:<12}{value}", format!("{name}:"));
    };
    line("Name", machine.name().to_owned());
    line("Site", cell(machine.site()));
    line("Phase", cell(status.phase.map(Phase::as_str)));
    line("Message", cell(status.message.as_deref()));
    line("Host", cell(machine.host()));
    line("Power", cell(status.power.as_deref()));
    if let Some(provider) = machine.provider() {
        line("Provider", format!("{provider}, which performs reboots and repaves"));
    }
    if let Some(redfish) = redfish {
        line("BMC", redfish.url.clone());
        let seen = status.redfish.as_ref();
        let pinned = redfish.cert_fingerprint.as_deref().filter(|pin| !pin.is_empty());
        line("Pinned", cell(pinned.or_else(|| seen?.cert_fingerprint.as_deref())));
        if let Some(target) = seen.and_then(|seen| seen.boot_override.as_deref()) {
            line("Boot", format!("{target} next, by metalman's override"));
        }
    }
    line("Image", cell(pxe.map(|pxe| pxe.image.as_str())));
    if let Some(digest) = status.image.as_ref().and_then(|image| image.digest.as_deref()) {
        line("Digest", digest.to_owned());
    }
    line("Node", machine.node_name().to_owned());
    line("Reboots", format!("{} of {} done", done.reboot, wanted.reboot));
    line("Repaves", format!("{} of {} done", done.repave, wanted.repave));
    let operations = status.operations.as_ref();
    if let Some(attempts) = operations.and_then(|operations| operations.attempts).filter(|attempts| *attempts > 0) {
        line("Attempt", format!("{attempts} of {}", machine.operations().max_attempts()));
    }
    if let Some(failure) = operations.and_then(|operations| operations.failure.as_deref()) {
        line("Given up", failure.to_owned());
    }
    line("Age", age(machine, now));
    text
}

/// Each step with its time and how long after the one before, and where it stands.
fn timeline(machine: &Machine, status: &MachineStatus, now: Timestamp) -> String {
    let steps = status.boot.as_ref().map_or(&[][..], |boot| &boot.steps);
    let mut text = String::new();
    if !steps.is_empty() {
        let mut before: Option<Timestamp> = None;
        let rows: Vec<Vec<String>> = steps.iter().map(|step| row(step, &mut before)).collect();
        text.push('\n');
        text += &render(vec!["STEP", "TIME", "AFTER", "MESSAGE"], rows.into_iter());
    }
    if let Some(problem) = status.boot.as_ref().and_then(|boot| boot.problem.as_deref()) {
        let _ = writeln!(text, "\nProblem: {problem}");
    }
    if let Some(standing) = standing(machine, now) {
        let word = if standing.is_stuck() { "Stuck" } else { "Waiting" };
        let _ = writeln!(text, "\n{word} at {} for {}.", standing.step, spoken(standing.waited));
    }
    text
}

/// One step; `before` becomes its time.
fn row(step: &BootStep, before: &mut Option<Timestamp>) -> Vec<String> {
    let time = step.time.as_ref().map(|time| time.0);
    let after = match (*before, time) {
        // A step that was seen again has a later time than those that follow it.
        (Some(before), Some(time)) if time >= before => format!("+{}", human(time, before)),
        _ => String::new(),
    };
    *before = time.or(*before);
    let time = time.map_or_else(|| NONE.to_owned(), |time| time.to_string());
    vec![step.name.clone(), time, after, step.message.clone().unwrap_or_default()]
}

fn conditions(status: &MachineStatus, now: Timestamp) -> String {
    if status.conditions.is_empty() {
        return "\nNo conditions yet.\n".to_owned();
    }
    let rows = status.conditions.iter().map(|condition| {
        let since = condition.last_transition_time.as_ref().map(|time| human(now, time.0));
        vec![
            condition.type_.clone(),
            condition.status.as_str().to_owned(),
            condition.reason.clone(),
            cell(since.as_deref()),
            condition.message.clone(),
        ]
    });
    format!("\n{}", render(vec!["CONDITION", "STATUS", "REASON", "SINCE", "MESSAGE"], rows))
}

/// What a person is to do.
fn next(machine: &Machine, now: Timestamp) -> String {
    let advice = advice(machine, now);
    if advice.is_empty() {
        return "\nNothing to do.\n".to_owned();
    }
    let mut text = "\nWhat to do next:\n".to_owned();
    for item in advice {
        let _ = writeln!(text, "- {}", item.text.split_whitespace().collect::<Vec<_>>().join(" "));
        if let Some(command) = item.command {
            let _ = writeln!(text, "    {command}");
        }
    }
    text
}
