//! How many reports a Machine may send.
//!
//! A boot sends a hundred or two: cloud-init's in bursts, the installer's one a second. Whoever sends on and on is a program
//! in a loop, and costs the API server writes.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Instant,
};

/// Reports at once.
const BURST: f64 = 256.0;
/// Reports each second in the long run.
const RATE: f64 = 8.0;
/// Machines remembered before those that have sent nothing for long are forgotten.
const REMEMBERED: usize = 4096;

/// What is left to each Machine.
#[derive(Debug, Default)]
pub(in crate::http) struct Quotas {
    left: Mutex<BTreeMap<String, Left>>,
}

#[derive(Debug, Clone, Copy)]
struct Left {
    reports: f64,
    at: Instant,
}

impl Left {
    fn now(self, now: Instant) -> f64 {
        (self.reports + now.saturating_duration_since(self.at).as_secs_f64() * RATE).min(BURST)
    }
}

impl Quotas {
    /// Takes one report of that Machine's, if it has one left.
    pub(super) fn spend(&self, machine: &str) -> bool {
        self.spend_at(machine, Instant::now())
    }

    fn spend_at(&self, machine: &str, now: Instant) -> bool {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if left.len() >= REMEMBERED && !left.contains_key(machine) {
            // Names are of the site's Machines only: there are no more of them than there are Machines.
            left.retain(|_, left| left.now(now) < BURST);
        }
        let reports = left.get(machine).map_or(BURST, |left| left.now(now));
        let granted = reports >= 1.0;
        let reports = if granted { reports - 1.0 } else { reports };
        left.insert(machine.to_owned(), Left { reports, at: now });
        granted
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_loop_is_bounded_and_costs_nobody_else_anything() {
        let (quotas, start) = (Quotas::default(), Instant::now());
        let granted = (0..1000).filter(|_| quotas.spend_at("a", start)).count();
        assert_eq!(granted, 256);
        assert!(quotas.spend_at("b", start));
        let later = start + Duration::from_secs(10);
        assert_eq!((0..1000).filter(|_| quotas.spend_at("a", later)).count(), 80);
    }

    #[test]
    fn who_sent_nothing_for_long_is_forgotten() {
        let (quotas, start) = (Quotas::default(), Instant::now());
        (0..REMEMBERED).for_each(|n| assert!(quotas.spend_at(&n.to_string(), start)));
        assert!(quotas.spend_at("later", start + Duration::from_mins(1)));
        assert_eq!(quotas.left.lock().unwrap().len(), 1);
    }
}
