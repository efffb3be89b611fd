//! What changed about a Machine, in lines.

use std::fmt;

use jiff::Timestamp;
use metalman_core::api::{Machine, MachineStatus, Phase, status::BootStep};
use serde::Serialize;

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Subject {
    /// The Machine as it is when it is seen first.
    Seen,
    /// A step of a boot.
    Step,
    /// The power.
    Power,
    /// The phase.
    Phase,
    /// What holds a boot up.
    Problem,
    /// Why it is in its phase.
    Message,
    /// It is gone.
    Deleted,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Line {
    /// When: of a step as it was written down, else when it was seen here.
    pub(super) time: Timestamp,
    /// The Machine's name.
    pub(super) machine: String,
    /// What changed.
    pub(super) change: Subject,
    /// What it was before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<String>,
    /// What it is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) to: Option<String>,
    /// In more words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<String>,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = Timestamp::from_second(self.time.as_second()).unwrap_or(self.time);
        write!(f, "{whole} {}", self.machine)?;
        match self.change {
            Subject::Seen => write!(f, " is {}", self.to.as_deref().unwrap_or("without a phase"))?,
            Subject::Step => write!(f, " {}", self.to.as_deref().unwrap_or_default())?,
            Subject::Power => write!(f, " power {}", self.to.as_deref().unwrap_or("unknown"))?,
            Subject::Phase => write!(f, " phase {}", self.to.as_deref().unwrap_or("none"))?,
            Subject::Problem if self.message.is_none() => write!(f, " problem solved")?,
            Subject::Problem => write!(f, " problem")?,
            Subject::Message if self.message.is_none() => write!(f, " message none")?,
            Subject::Message => write!(f, " message")?,
            Subject::Deleted => write!(f, " deleted")?,
        }
        if let Some(from) = &self.from {
            write!(f, ", was {from}")?;
        }
        if let Some(message) = &self.message {
            // One line is one change.
            write!(f, ": {}", message.split_whitespace().collect::<Vec<_>>().join(" "))?;
        }
        Ok(())
    }
}

/// What it is.
pub(super) fn seen(machine: &Machine, now: Timestamp) -> Line {
    let status = machine.status.as_ref();
    let to = status.and_then(|status| status.phase).map(|phase| phase.as_str().to_owned());
    line(machine, now, Subject::Seen, None, to, status.and_then(|status| status.message.clone()))
}

/// That it is gone.
pub(super) fn deleted(name: &str, now: Timestamp) -> Line {
    let machine = name.to_owned();
    Line { time: now, machine, change: Subject::Deleted, from: None, to: None, message: None }
}

/// What differs, in the order in which it happened, as far as that is known.
pub(super) fn changes(before: &Machine, after: &Machine, now: Timestamp) -> Vec<Line> {
    let nothing = MachineStatus::default();
    let old = before.status.as_ref().unwrap_or(&nothing);
    let new = after.status.as_ref().unwrap_or(&nothing);
    let mut lines: Vec<Line> = steps(new)
        .iter()
        .filter(|step| !steps(old).contains(step))
        .map(|step| {
            let time = step.time.as_ref().map_or(now, |time| time.0);
            line(after, time, Subject::Step, None, Some(step.name.clone()), step.message.clone())
        })
        .collect();
    lines.sort_by_key(|line| line.time);
    if old.power != new.power {
        lines.push(line(after, now, Subject::Power, old.power.clone(), new.power.clone(), None));
    }
    if old.phase != new.phase {
        let word = |phase: Option<Phase>| phase.map(|phase| phase.as_str().to_owned());
        lines.push(line(after, now, Subject::Phase, word(old.phase), word(new.phase), None));
    }
    if problem(old) != problem(new) {
        lines.push(line(after, now, Subject::Problem, None, None, problem(new).map(str::to_owned)));
    }
    if old.message != new.message {
        lines.push(line(after, now, Subject::Message, None, None, new.message.clone()));
    }
    lines
}

fn steps(status: &MachineStatus) -> &[BootStep] {
    status.boot.as_ref().map_or(&[], |boot| &boot.steps)
}

fn problem(status: &MachineStatus) -> Option<&str> {
    status.boot.as_ref()?.problem.as_deref()
}

fn line(
    machine: &Machine,
    time: Timestamp,
    change: Subject,
    from: Option<String>,
    to: Option<String>,
    message: Option<String>,
) -> Line {
    let present = |text: Option<String>| text.filter(|text| !text.is_empty());
    Line {
        time,
        machine: machine.name().to_owned(),
        change,
        from: present(from),
        to: present(to),
        message: present(message),
    }
}

#[cfg(test)]
mod tests;
