//! The largest rate at which a trial passes: doubling, then bisection. And keeping to a rate within a trial.

use std::time::{Duration, Instant};

/// Where a search looks.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    /// The first rate.
    pub start: f64,
    /// Each next one is so many times larger, as long as all pass. Near 1 when `start` is a good guess.
    pub growth: f64,
    /// No rate above this.
    pub limit: f64,
}

/// The rates to try, one after the other. Each trial's outcome chooses the next.
#[derive(Debug)]
pub(super) struct Search {
    passed: f64,
    failed: Option<f64>,
    next: f64,
    precision: f64,
    range: Range,
}

impl Search {
    /// Ends when the largest pass and the smallest failure are within `precision` of each other (0.03 is 3 %), or at the limit.
    pub(super) fn new(range: Range, precision: f64) -> Self {
        Self { passed: 0.0, failed: None, next: range.start.min(range.limit), precision, range }
    }

    /// The rate to try; nothing once the answer is known, or when not even the smallest sensible rate passes.
    pub(super) fn next(&self) -> Option<f64> {
        let narrow = self.failed.is_some_and(|failed| failed - self.passed <= failed * self.precision);
        let hopeless = self.next < 1.0;
        let unlimited = self.passed >= self.range.limit;
        (!narrow && !hopeless && !unlimited).then_some(self.next)
    }

    /// Takes the outcome of the trial at `next`.
    pub(super) fn tried(&mut self, passed: bool) {
        let rate = self.next;
        if passed {
            self.passed = rate;
        } else {
            self.failed = Some(rate);
        }
        self.next = match self.failed {
            None => (rate * self.range.growth).min(self.range.limit),
            Some(failed) if self.passed == 0.0 => failed / self.range.growth,
            Some(failed) => f64::midpoint(self.passed, failed),
        };
    }
}

/// Behind its schedule, a generator catches up this many times as fast.
const CATCH_UP: f64 = 1.5;
/// And begins at most what is due in so long at once.
const BURST: Duration = Duration::from_micros(300);

/// When things begin at a rate: number `i` at `i / rate` after the start, whatever becomes of those before.
///
/// A generator that does not get the processor for a while is behind its schedule then. Were it to begin all at once what has
/// become due, the answers would wait for each other, and it would measure its own burst. So it catches up gradually.
#[derive(Debug)]
pub(super) struct Pace {
    rate: f64,
    start: Instant,
    begun: u32,
    /// How many may begin now, the schedule apart.
    allowed: f64,
    looked: Instant,
}

impl Pace {
    pub(super) fn new(rate: f64, start: Instant) -> Self {
        Self { rate, start, begun: 0, allowed: 1.0, looked: start }
    }

    /// How many are to begin now; they count as begun.
    pub(super) fn due(&mut self, now: Instant, most: u32) -> u32 {
        let passed = now.saturating_duration_since(self.looked).as_secs_f64();
        self.looked = now;
        let burst = (BURST.as_secs_f64() * self.rate).max(1.0);
        self.allowed = (self.allowed + CATCH_UP * self.rate * passed).min(burst);
        let scheduled =
            now.saturating_duration_since(self.start).as_secs_f64() * self.rate + 1.0 - f64::from(self.begun);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let due = (scheduled.min(self.allowed).max(0.0) as u32).min(most);
        self.begun += due;
        self.allowed -= f64::from(due);
        due
    }

    /// When the next one is to begin.
    pub(super) fn next(&self) -> Instant {
        self.start + Duration::from_secs_f64(f64::from(self.begun) / self.rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_generator_that_looks_often_keeps_to_the_schedule() {
        for rate in [100.0, 20_000.0, 500_000.0] {
            let start = Instant::now();
            let mut pace = Pace::new(rate, start);
            let begun: u32 = (0..=10_000).map(|n| pace.due(start + MS * n / 10, u32::MAX)).sum();
            let wanted = f64::from(pace.begun);
            assert_eq!(begun, pace.begun);
            assert!((wanted - rate).abs() <= 1.0 + rate / 1000.0, "{wanted} of {rate}");
            assert!(pace.next() > start + MS * 999);
        }
    }

    #[test]
    fn after_a_stall_it_catches_up_without_a_burst() {
        let start = Instant::now();
        let mut pace = Pace::new(100_000.0, start);
        for n in 0..=100 {
            pace.due(start + MS * n / 10, u32::MAX);
        }
        // 10 ms later a thousand are due.
        let first = pace.due(start + MS * 20, u32::MAX);
        assert!((29..=30).contains(&first), "{first} of 1000 at once");
        let mut most = 0;
        for n in 201..=600 {
            most = most.max(pace.due(start + MS * n / 10, u32::MAX));
        }
        assert!(most <= 16, "{most} at once, of 10 in each step");
        assert!((5_998..=6_002).contains(&pace.begun), "{} in 60 ms", pace.begun);
    }

    #[test]
    fn no_more_begin_than_there_is_room_for() {
        let start = Instant::now();
        let mut pace = Pace::new(100_000.0, start);
        assert_eq!([pace.due(start + MS, 7), pace.due(start + MS, 7), pace.due(start + MS, 0)], [7, 7, 0]);
    }

    /// The largest pass against a server that can do `capacity`, and the number of trials.
    fn found(start: f64, growth: f64, limit: f64, capacity: f64) -> (f64, usize) {
        let mut search = Search::new(Range { start, growth, limit }, 0.03);
        let mut trials = 0;
        while let Some(rate) = search.next() {
            search.tried(rate <= capacity);
            trials += 1;
            assert!(trials < 50, "does not end");
        }
        (search.passed, trials)
    }

    #[test]
    fn finds_the_capacity_from_below_and_from_above() {
        let starts = [(1_000.0, 2.0), (100_000.0, 2.0), (37_000.0, 2.0), (33_000.0, 1.15), (45_000.0, 1.15)];
        for (start, growth) in starts {
            let capacity = 37_000.0;
            let (rate, trials) = found(start, growth, 1e6, capacity);
            assert!(rate <= capacity && rate >= capacity * 0.97, "{rate} of {capacity}");
            assert!(trials < 14, "{trials} trials");
        }
    }

    #[test]
    fn ends_at_the_limit_and_when_nothing_passes() {
        assert_eq!(found(1_000.0, 2.0, 5_000.0, 1e9).0.total_cmp(&5_000.0), std::cmp::Ordering::Equal);
        assert_eq!(found(1_000.0, 2.0, 5_000.0, 0.0).0.total_cmp(&0.0), std::cmp::Ordering::Equal);
    }
}
