//! How far an operation is, as its Machine's status tells.

use metalman_core::api::{
    Machine, Phase,
    conditions::{REPAVED, reason},
};

use super::raise::Operation;
use crate::cli::WaitFor;

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) operation: Operation,
    /// The counter that must be reached.
    counter: i64,
    generation: Option<i64>,
    uid: Option<String>,
}

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Progress {
    Pending,
    Done,
    /// It will not come to that; why.
    Failed(String),
}

impl Target {
    /// What was asked for by the Machine that raising the counters gave back.
    pub(super) fn of(raised: &Machine, operation: Operation) -> Self {
        Self {
            operation,
            counter: operation.of(raised.wanted_counters()),
            generation: raised.metadata.generation,
            uid: raised.metadata.uid.clone(),
        }
    }

    pub(super) fn counter(&self) -> i64 {
        self.counter
    }

    /// How far it is.
    pub(super) fn progress(&self, machine: &Machine, until: WaitFor) -> Progress {
        if machine.metadata.uid != self.uid {
            return Progress::Failed("it was deleted and made again".to_owned());
        }
        if self.operation.of(machine.done_counters()) < self.counter {
            return self.failure(machine).map_or(Progress::Pending, Progress::Failed);
        }
        let status = machine.status.as_ref();
        match (until, status.and_then(|status| status.phase)) {
            (WaitFor::Done, _) | (WaitFor::Ready, Some(Phase::Ready)) => Progress::Done,
            (WaitFor::Ready, Some(Phase::Failed)) => {
                let why = status.and_then(|status| status.message.clone());
                Progress::Failed(why.unwrap_or_else(|| "its phase is Failed".to_owned()))
            }
            (WaitFor::Ready, _) => Progress::Pending,
        }
    }

    /// Why what is not done will never be. A failure that stands there from an earlier operation is none of this one's.
    fn failure(&self, machine: &Machine) -> Option<String> {
        let operations = machine.status.as_ref().and_then(|status| status.operations.as_ref());
        let attempted = operations.and_then(|operations| match self.operation {
            Operation::Reboot => operations.attempted_reboot_counter,
            Operation::Repave => operations.attempted_repave_counter,
        });
        if attempted.is_some_and(|attempted| attempted >= self.counter) {
            return operations.and_then(|operations| operations.failure.clone()).or_else(|| self.exhausted(machine));
        }
        let wanted = self.operation.of(machine.wanted_counters());
        if wanted < self.counter {
            return Some(format!(
                "it was withdrawn: spec.operations.{}Counter was set back to {wanted}, perhaps by a manifest that was applied",
                self.operation.as_str()
            ));
        }
        self.exhausted(machine)
    }

    /// A repave that was given up by whoever performs it, told by the condition alone.
    fn exhausted(&self, machine: &Machine) -> Option<String> {
        let condition = machine.status.as_ref()?.condition(REPAVED)?;
        let is_of_this = condition.observed_generation.is_some() && condition.observed_generation >= self.generation;
        (self.operation == Operation::Repave && condition.reason == reason::EXHAUSTED && is_of_this)
            .then(|| condition.message.clone())
    }
}

#[cfg(test)]
mod tests;
