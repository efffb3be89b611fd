//! How long an answer takes: Jacobson's estimate (RFC 6298) for the timeout, and what answers took of late.
//!
//! The second one also learns from answers that may belong to something sent earlier, which Karn's rule forbids the first.
//! A window may hold the whole file, so that after its first loss nothing is ever sent for the first time again: with
//! unambiguous samples alone nothing more would be learnt, however wrong the only sample was.

use std::time::Duration;

/// Shortest time given to the answer that is still awaited, when another one was not believed.
const SHORTEST_PATIENCE: Duration = Duration::from_millis(10);

/// Samples of the round trip.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RoundTrip {
    smoothed: Option<(Duration, Duration)>,
    answer: Option<Duration>,
}

impl RoundTrip {
    /// An answer to what was sent once (Karn's rule is the caller's).
    pub(super) fn sample(&mut self, took: Duration) {
        self.smoothed = Some(match self.smoothed {
            None => (took, took / 2),
            Some((mean, deviation)) => (mean * 7 / 8 + took / 8, deviation * 3 / 4 + mean.abs_diff(took) / 4),
        });
    }

    /// An answer of any kind, counted from the last time that its window was sent.
    pub(super) fn answered(&mut self, took: Duration) {
        self.answer = Some(self.answer.map_or(took, |answer| (answer + took) / 2));
    }

    /// When to send again; none before the first sample.
    pub(super) fn timeout(&self) -> Option<Duration> {
        self.smoothed.map(|(mean, deviation)| mean + 4 * deviation)
    }

    /// What comes sooner than this after a window was sent is no answer to it; none before the first answer.
    pub(super) fn soonest(&self) -> Option<Duration> {
        self.answer.map(|answer| answer * 3 / 4)
    }

    /// By when an answer to a window that is under way is here; none before the first answer.
    pub(super) fn patience(&self) -> Option<Duration> {
        self.answer.map(|answer| (2 * answer).max(self.timeout().unwrap_or_default()).max(SHORTEST_PATIENCE))
    }
}
