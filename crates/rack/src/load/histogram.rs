//! A histogram of latencies with a bounded relative error (1/32) and a fixed size.

use std::time::Duration;

use serde::Serialize;

const SUB_BITS: u32 = 5;
const SUBS: u64 = 1 << SUB_BITS;
const BUCKETS: usize = 40 * (1 << SUB_BITS);

/// Latencies, counted in buckets of microseconds/32 resolution at the low end and 3 % above.
#[derive(Debug, Clone)]
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    sum: Duration,
    max: Duration,
}

/// What is told of a histogram; milliseconds.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// How many were measured.
    pub count: u64,
    /// Mean.
    pub mean_ms: f64,
    /// Median.
    pub p50_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
    /// 99.9th percentile.
    pub p999_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: vec![0; BUCKETS], count: 0, sum: Duration::ZERO, max: Duration::ZERO }
    }
}

impl Histogram {
    /// Counts one latency.
    pub fn record(&mut self, latency: Duration) {
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.buckets[bucket(nanos).min(BUCKETS - 1)] += 1;
        self.count += 1;
        self.sum += latency;
        self.max = self.max.max(latency);
    }

    /// The latency that `share` (0 to 1) of all do not exceed: the upper edge of its bucket.
    pub fn quantile(&self, share: f64) -> Duration {
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let rank = ((self.count as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Duration::from_nanos(upper_edge(index)).min(self.max);
            }
        }
        self.max
    }

    /// The figures that are reported.
    pub fn summary(&self) -> Summary {
        let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
        #[allow(clippy::cast_precision_loss)]
        let mean_ms = if self.count == 0 { 0.0 } else { ms(self.sum) / self.count as f64 };
        Summary {
            count: self.count,
            mean_ms,
            p50_ms: ms(self.quantile(0.5)),
            p99_ms: ms(self.quantile(0.99)),
            p999_ms: ms(self.quantile(0.999)),
            max_ms: ms(self.max),
        }
    }
}

/// Values below 32 have a bucket each; above, every power of two is split into 32.
fn bucket(value: u64) -> usize {
    if value < SUBS {
        return usize::try_from(value).unwrap_or(0);
    }
    let exponent = value.ilog2() - SUB_BITS;
    let sub = (value >> exponent) - SUBS;
    usize::try_from(u64::from(exponent + 1) * SUBS + sub).unwrap_or(usize::MAX)
}

fn upper_edge(index: usize) -> u64 {
    let index = index as u64;
    let (row, sub) = (index / SUBS, index % SUBS);
    if row == 0 { sub } else { ((SUBS + sub + 1) << (row - 1)) - 1 }
}

#[cfg(test)]
mod tests;
