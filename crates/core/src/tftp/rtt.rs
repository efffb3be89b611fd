//! How long an answer takes: Jacobson's estimate (RFC 6298), and the shortest time seen.

use std::time::Duration;

/// Samples of the round trip. Karn's rule is the caller's: nothing that was sent twice is a sample.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RoundTrip {
    smoothed: Option<(Duration, Duration)>,
    shortest: Option<Duration>,
}

impl RoundTrip {
    pub(super) fn sample(&mut self, took: Duration) {
        self.shortest = Some(self.shortest.map_or(took, |shortest| shortest.min(took)));
        self.smoothed = Some(match self.smoothed {
            None => (took, took / 2),
            Some((mean, deviation)) => (mean * 7 / 8 + took / 8, deviation * 3 / 4 + mean.abs_diff(took) / 4),
        });
    }

    /// When to send again; none before the first sample.
    pub(super) fn timeout(&self) -> Option<Duration> {
        self.smoothed.map(|(mean, deviation)| mean + 4 * deviation)
    }

    /// No answer to anything came sooner than this after it was sent.
    pub(super) fn shortest(&self) -> Option<Duration> {
        self.shortest
    }
}
