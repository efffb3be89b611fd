//! What is counted here.

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::{BootError, Origin, Sessions};

/// The counters of boot files, whichever protocol asks for them.
#[derive(Debug, Default)]
pub struct BootMetrics {
    files: Family<[(&'static str, &'static str); 1], Counter>,
    sessions: Gauge,
    dropped: Counter,
    unwritten: Family<[(&'static str, &'static str); 1], Counter>,
}

impl BootMetrics {
    /// Makes them known under their names.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("boot_files", "Requests for boot files by what came of them", self.files.clone());
        registry.register("boot_sessions", "Boots under way", self.sessions.clone());
        registry.register("boot_problems_dropped", "Failures that were not told on a Machine", self.dropped.clone());
        registry.register(
            "boot_journal_dropped",
            "What was seen of boots and not written, by the reason",
            self.unwritten.clone(),
        );
    }

    pub(super) fn asked(&self, outcome: Result<&Origin, &BootError>) {
        let outcome = match outcome {
            Ok(Origin::Stored { .. }) => "stored",
            Ok(Origin::Rendered) => "rendered",
            Err(BootError::UnknownMachine) => "unknown_machine",
            Err(BootError::NotFound) => "not_found",
            Err(BootError::NotYet) => "not_yet",
            Err(BootError::Failed(_)) => "failed",
        };
        self.files.get_or_create(&[("outcome", outcome)]).inc();
    }

    pub(super) fn problem_dropped(&self) {
        self.dropped.inc();
    }

    pub(super) fn unwritten(&self, reason: &'static str) {
        self.unwritten.get_or_create(&[("reason", reason)]).inc();
    }

    /// Counts the boots under way, when somebody looks.
    pub fn measure(&self, sessions: &Sessions) {
        self.sessions.set(i64::try_from(sessions.len()).unwrap_or(i64::MAX));
    }
}
