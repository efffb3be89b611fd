//! What is remembered of a Machine between two looks, beside what its status says.
//!
//! Invariant: nothing here is needed to go on after it was lost.

use std::{
    mem::discriminant,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use metalman_core::{
    api::{Machine, conditions},
    lifecycle::{Bmc, Carried, Decision, Effect, Outcome},
};

use super::access::Reach;
use crate::jitter::jittered;

/// Writes of one Machine's status within [`WINDOW`]: a whole repave takes fewer, and a decision that cannot make up its mind
/// must not keep the API server busy.
const WRITES: u32 = 60;
const WINDOW: Duration = Duration::from_mins(1);

/// Looks further apart than this need not keep time: they spread.
const LONG: Duration = Duration::from_secs(20);

/// What is remembered.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The Machine as it was decided on last.
    pub(super) machine: Option<Arc<Machine>>,
    /// The cached Machine that a write of ours has outdated: until the watch brings another, `machine` is newer.
    outdated: Option<Arc<Machine>>,
    /// Whose system `bmc` shows.
    pub(super) reach: Option<Reach>,
    /// What its BMC showed.
    pub(super) bmc: Bmc,
    /// When the BMC is to be looked at.
    look_at: Option<Instant>,
    /// While nothing is under way, the first look waits for its turn.
    first_look: Option<Instant>,
    /// How the last effect went.
    pub(super) last: Option<Carried>,
    /// What the log said last.
    pub(super) why: String,
    writes: Option<(Instant, u32)>,
}

impl Memory {
    /// Of a Machine that was never looked at; the first look is at that time, unless something is under way.
    pub(super) fn new(first_look: Option<Instant>) -> Self {
        Self { first_look, ..Self::default() }
    }

    /// The Machine to decide on: the cached one, or what was written since.
    pub(super) fn newer(&mut self, cached: Arc<Machine>) -> Arc<Machine> {
        let is_outdated = self.outdated.as_ref().is_some_and(|outdated| Arc::ptr_eq(outdated, &cached));
        if let (true, Some(written)) = (is_outdated, &self.machine) {
            return written.clone();
        }
        self.outdated = None;
        self.machine = Some(cached.clone());
        cached
    }

    /// The status was written: what the cache still has is older.
    pub(super) fn wrote(&mut self, cached: &Arc<Machine>, written: Arc<Machine>, now: Instant) {
        self.outdated.get_or_insert_with(|| cached.clone());
        self.machine = Some(written);
        let window = self.writes.filter(|(since, _)| now.saturating_duration_since(*since) < WINDOW);
        let (since, count) = window.unwrap_or((now, 0));
        self.writes = Some((since, count + 1));
    }

    /// Until when nothing more may be written.
    pub(super) fn writes_resume(&self, now: Instant) -> Option<Instant> {
        let (since, count) = self.writes?;
        (count >= WRITES).then_some(since + WINDOW).filter(|resume| *resume > now)
    }

    /// Directs this at the Machine's system. What another system showed, or answered, says nothing about it.
    pub(super) fn aim(&mut self, reach: Option<Reach>) {
        let same = match (&self.reach, &reach) {
            (Some(before), Some(now)) => before.is_same_system(now),
            (None, None) => true,
            _ => false,
        };
        if !same {
            self.bmc = if reach.is_some() { Bmc::Unknown } else { Bmc::None };
            self.look_at = None;
            self.last = None;
        }
        self.reach = reach;
    }

    /// Whether the BMC is to be looked at now.
    pub(super) fn is_look_due(&self, now: Instant) -> bool {
        self.reach.is_some() && self.look_at.is_some_and(|at| at <= now)
    }

    /// The BMC was looked at.
    pub(super) fn looked(&mut self, bmc: Bmc) {
        self.bmc = bmc;
        self.look_at = None;
    }

    /// Takes note of when the Machine is to be looked at next, and says when.
    pub(super) fn plan(&mut self, machine: &Machine, decision: &Decision, now: Instant) -> Option<Instant> {
        if !decision.look || self.reach.is_none() {
            self.look_at = None;
            return decision.again.map(|again| now + again);
        }
        let again = decision.again.unwrap_or_default();
        let mut at = now + if again > LONG { jittered(again, 90) } else { again };
        if let Some(first) = self.first_look.filter(|_| self.bmc == Bmc::Unknown && !is_under_way(machine)) {
            at = at.max(first);
        }
        // Being asked again, because something else changed, puts no look off.
        let at = self.look_at.map_or(at, |before| before.min(at));
        self.look_at = Some(at);
        Some(at)
    }

    /// An effect was carried out.
    pub(super) fn carried(&mut self, effect: Effect, outcome: Outcome, at: Timestamp) {
        let again = self
            .last
            .as_ref()
            .filter(|last| last.effect == effect && discriminant(&last.outcome) == discriminant(&outcome));
        let times = again.map_or(1, |last| last.times.saturating_add(1));
        self.last = Some(Carried { effect, at, outcome, times });
    }
}

/// Whether an operation is asked for or unfinished.
pub(super) fn is_under_way(machine: &Machine) -> bool {
    let unfinished = machine.status.as_ref().is_some_and(|status| {
        status.condition(conditions::POWERED_OFF).is_some()
            || status.redfish.as_ref().is_some_and(|redfish| redfish.boot_override.is_some())
    });
    unfinished || machine.reboot_wanted() || machine.repave_wanted()
}

#[cfg(test)]
mod tests;
