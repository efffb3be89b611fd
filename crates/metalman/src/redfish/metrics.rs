//! What is counted here.

use std::time::Duration;

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

/// Two labels with words known at compile time.
type Words = [(&'static str, &'static str); 2];
/// One of them.
type Word = [(&'static str, &'static str); 1];

/// The counters of the Redfish client. A clone counts into the same.
#[derive(Clone, Debug)]
pub struct RedfishMetrics {
    operations: Family<Words, Counter>,
    durations: Family<Word, Histogram, fn() -> Histogram>,
    requests: Family<Words, Counter>,
    sessions: Gauge,
}

impl Default for RedfishMetrics {
    fn default() -> Self {
        // From a BMC on a desk (10 ms) to the patience with one that hangs.
        let histogram: fn() -> Histogram = || Histogram::new([0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0]);
        Self {
            operations: Family::default(),
            durations: Family::new_with_constructor(histogram),
            requests: Family::default(),
            sessions: Gauge::default(),
        }
    }
}

impl RedfishMetrics {
    /// Makes them known under their names.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "redfish_operations",
            "Operations at BMCs (observe, power, set_override, clear_override, login, logout) by outcome",
            self.operations.clone(),
        );
        registry.register_with_unit(
            "redfish_operation_duration",
            "How long an operation at a BMC took, its turn not counted",
            Unit::Seconds,
            self.durations.clone(),
        );
        registry.register("redfish_requests", "HTTP requests to BMCs by method and answer", self.requests.clone());
        registry.register("redfish_sessions", "Sessions open at BMCs", self.sessions.clone());
    }

    pub(super) fn operation(&self, operation: &'static str, outcome: &'static str, took: Duration) {
        self.operations.get_or_create(&[("operation", operation), ("outcome", outcome)]).inc();
        self.durations.get_or_create(&[("operation", operation)]).observe(took.as_secs_f64());
    }

    /// A request was answered with that status; none: it was not answered.
    pub(super) fn request(&self, method: &reqwest::Method, status: Option<u16>) {
        let method = match method.as_str() {
            "GET" => "get",
            "POST" => "post",
            "PATCH" => "patch",
            "DELETE" => "delete",
            _ => "other",
        };
        let answer = match status {
            None => "none",
            Some(200..=299) => "2xx",
            Some(300..=399) => "3xx",
            Some(400..=499) => "4xx",
            Some(_) => "5xx",
        };
        self.requests.get_or_create(&[("method", method), ("answer", answer)]).inc();
    }

    pub(super) fn session_opened(&self) {
        self.sessions.inc();
    }

    pub(super) fn session_closed(&self) {
        self.sessions.dec();
    }

    #[cfg(test)]
    pub(super) fn sessions(&self) -> i64 {
        self.sessions.get()
    }
}
