//! What is told of a fleet.

use std::collections::BTreeMap;

use serde::Serialize;

use super::machine::{Counts, Stage};

/// A fleet at one moment.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Summary {
    /// How many machines there are.
    pub machines: usize,
    /// Since the start of the fleet.
    pub seconds: f64,
    /// How many machines are how far.
    pub stages: BTreeMap<Stage, usize>,
    /// What all of them have been through.
    pub counts: Counts,
    /// What their BMCs were asked.
    pub bmcs: Asked,
    /// What failed last, at some machines.
    pub failures: Vec<String>,
}

/// What BMCs were asked, all together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// Requests.
    pub requests: u64,
    /// Those with other methods than GET and HEAD.
    pub changing: u64,
    /// Resets asked for, carried out or not.
    pub resets: u64,
    /// Sessions that were opened.
    pub sessions_opened: u64,
    /// Sessions that are open.
    pub sessions: u64,
    /// Connections that were taken.
    pub connections: u64,
    /// Faults that the dice brought.
    pub faults: u64,
    /// The most requests that one BMC ever had to answer at once.
    pub most_at_once: usize,
    /// The most changing ones.
    pub most_changing_at_once: usize,
}

impl Counts {
    pub(super) fn add(&mut self, other: &Self) {
        self.boots += other.boots;
        self.installers += other.installers;
        self.installed += other.installed;
        self.started += other.started;
        self.failures += other.failures;
    }
}
