//! How many log lines a stranger may cause.

use std::time::{Duration, Instant};

/// So many lines in so long.
const LINES: u32 = 10;
const WINDOW: Duration = Duration::from_secs(10);

/// A budget of log lines.
#[derive(Debug)]
pub(super) struct Budget {
    since: Instant,
    left: u32,
}

impl Budget {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, left: LINES }
    }

    /// Takes a line from the budget, if there is one left.
    pub(super) fn spend(&mut self) -> bool {
        self.spend_at(Instant::now())
    }

    fn spend_at(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.since) >= WINDOW {
            *self = Self::new(now);
        }
        let granted = self.left > 0;
        self.left = self.left.saturating_sub(1);
        granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_is_bounded_and_a_new_window_opens() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        let granted = (0..1000).filter(|_| budget.spend_at(start)).count();
        assert_eq!(granted, 10);
        assert!(!budget.spend_at(start + Duration::from_secs(9)));
        assert!(budget.spend_at(start + Duration::from_secs(10)));
    }
}
