//! The largest rate at which a trial passes: doubling, then bisection.

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

#[cfg(test)]
mod tests {
    use super::*;

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
