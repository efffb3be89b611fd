//! cloud-init's reporting webhook: each event is a JSON object, posted when a stage or a module starts or finishes.
//!
//! Names are paths: `init-local`, `init-network`, `modules-config`, `modules-final` are stages, and
//! `modules-final/config-runcmd` is a module within one. A stage's result is the worst of its modules'. `modules-final` ends
//! a run; what came before it on the same boot is remembered in its message.

use crate::api::MachineStatus;
use crate::api::conditions::{CLOUD_INIT_DONE, ConditionStatus, Observation, reason};
use crate::lifecycle::timeline::{self, Step};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

/// The stage that ends a run.
const LAST_STAGE: &str = "modules-final";
/// The stages that begin one; the first may run before there is a network to report over.
const FIRST_STAGES: [&str; 2] = ["init-local", "init-network"];
/// How often a module that merely ends renews the sign of life.
const SIGN_OF_LIFE: SignedDuration = SignedDuration::from_secs(30);
/// Characters of a name or description that are kept: a machine may post anything.
const KEPT: usize = 200;

/// One event, as it is posted. What is missing is empty: no event of a machine is worth an error.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Event {
    /// Path of the stage and module.
    pub name: String,
    /// For people.
    pub description: String,
    /// `start` or `finish`.
    pub event_type: String,
    /// `cloudinit`, unless something else reports the same way.
    pub origin: String,
    /// Seconds since 1970, by the machine's own clock, which nobody relies on.
    pub timestamp: Option<f64>,
    /// `SUCCESS`, `WARN` or `FAIL`, on `finish`.
    pub result: Option<String>,
}

impl Event {
    fn is_stage(&self) -> bool {
        !self.name.contains('/')
    }

    fn failed(&self) -> bool {
        self.result.as_deref() == Some("FAIL")
    }

    /// `modules-final/config-runcmd: FAIL: running config-runcmd`.
    fn told(&self, word: &str) -> String {
        let (name, description) = (clip(&self.name), clip(&self.description));
        if description.is_empty() { format!("{name}: {word}") } else { format!("{name}: {word}: {description}") }
    }
}

/// Writes down an event. Says whether anything changed.
pub fn cloud_init(status: &mut MachineStatus, event: &Event, generation: Option<i64>, now: Timestamp) -> bool {
    if event.name.is_empty() || !matches!(event.origin.as_str(), "" | "cloudinit") {
        return false;
    }
    match event.event_type.as_str() {
        "start" => started(status, event, generation, now),
        "finish" if event.is_stage() || event.failed() => finished(status, event, generation, now),
        "finish" => sign_of_life(status, event, now),
        _ => false,
    }
}

fn started(status: &mut MachineStatus, event: &Event, generation: Option<i64>, now: Timestamp) -> bool {
    let begins = event.is_stage() && FIRST_STAGES.contains(&event.name.as_str());
    let message = event.told("running");
    let renewed = timeline::renew(status, Step::CloudInit, Some(message.clone()), now);
    // What failed stays failed until the run ends, or the next begins; what ended is not opened again by a straggler.
    if !begins && is_settled(status) {
        return renewed;
    }
    let observation = Observation::new(CLOUD_INIT_DONE, ConditionStatus::False, reason::RUNNING, message);
    status.set_condition(&observation, generation, now) | renewed
}

fn is_settled(status: &MachineStatus) -> bool {
    status
        .condition(CLOUD_INIT_DONE)
        .is_some_and(|condition| condition.status == ConditionStatus::True || condition.reason == reason::FAILED)
}

fn finished(status: &mut MachineStatus, event: &Event, generation: Option<i64>, now: Timestamp) -> bool {
    let result = event.result.as_deref().map_or("no result", clip);
    let message = event.told(result);
    let renewed = timeline::renew(status, Step::CloudInit, Some(message.clone()), now);
    let observation = if event.failed() {
        // A stage that fails because of one of its modules: which one is worth more to know.
        let of_a_module = format!("{}/", event.name);
        let known = failure(status).filter(|known| known.starts_with(&of_a_module));
        let message = known.map_or(message, str::to_owned);
        Observation::new(CLOUD_INIT_DONE, ConditionStatus::False, reason::FAILED, message)
    } else if event.name == LAST_STAGE {
        let earlier = failure(status).filter(|failure| !failure.starts_with(LAST_STAGE));
        let message = earlier.map_or(message.clone(), |failure| format!("{message}; earlier, {failure}"));
        Observation::new(CLOUD_INIT_DONE, ConditionStatus::True, reason::SUCCEEDED, message)
    } else if is_settled(status) {
        return renewed;
    } else {
        Observation::new(CLOUD_INIT_DONE, ConditionStatus::False, reason::RUNNING, message)
    };
    status.set_condition(&observation, generation, now) | renewed
}

/// What failed in this run so far.
fn failure(status: &MachineStatus) -> Option<&str> {
    let condition = status.condition(CLOUD_INIT_DONE).filter(|condition| condition.reason == reason::FAILED)?;
    Some(&condition.message)
}

/// Modules that end well are many, and say nothing but that cloud-init is alive.
fn sign_of_life(status: &mut MachineStatus, event: &Event, now: Timestamp) -> bool {
    let result = event.result.as_deref().map_or("no result", clip);
    let recent = timeline::time(status, Step::CloudInit).is_some_and(|time| now.duration_since(time) < SIGN_OF_LIFE);
    !recent && timeline::renew(status, Step::CloudInit, Some(event.told(result)), now)
}

fn clip(text: &str) -> &str {
    text.char_indices().nth(KEPT).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests;
