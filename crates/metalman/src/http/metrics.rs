//! What is counted here.

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

/// The counters of the HTTP boot server.
#[derive(Debug, Default)]
pub struct HttpMetrics {
    requests: Family<[(&'static str, &'static str); 1], Counter>,
    pub(super) sent: Counter,
    pub(super) connections: Gauge,
    refused: Family<[(&'static str, &'static str); 1], Counter>,
    ended: Family<[(&'static str, &'static str); 1], Counter>,
}

impl HttpMetrics {
    /// Makes them known under their names.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("http_requests", "HTTP requests by what they were answered with", self.requests.clone());
        registry.register_with_unit("http_sent", "Sent over HTTP, heads included", Unit::Bytes, self.sent.clone());
        registry.register("http_connections", "HTTP connections open now", self.connections.clone());
        registry.register(
            "http_connections_refused",
            "HTTP connections closed at once, by the limit they met",
            self.refused.clone(),
        );
        registry.register(
            "http_connections_broken",
            "HTTP connections that did not end well, by the reason",
            self.ended.clone(),
        );
    }

    /// A request was answered with that status.
    pub(super) fn answered(&self, status: http::StatusCode) {
        let outcome = match status.as_u16() {
            200 => "ok",
            202 => "accepted",
            206 => "partial",
            304 => "not_modified",
            400 => "malformed",
            404 => "not_found",
            405 => "method_not_allowed",
            408 => "too_slow",
            412 => "precondition_failed",
            413 => "too_large",
            416 => "range_not_satisfiable",
            429 => "too_many",
            500 => "failed",
            503 => "not_yet",
            _ => "other",
        };
        self.requests.get_or_create(&[("outcome", outcome)]).inc();
    }

    pub(super) fn refused(&self, limit: &'static str) {
        self.refused.get_or_create(&[("limit", limit)]).inc();
    }

    pub(super) fn broken(&self, reason: &'static str) {
        self.ended.get_or_create(&[("reason", reason)]).inc();
    }
}
