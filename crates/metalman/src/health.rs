//! The health port: `/healthz` (the process turns), `/readyz` (it can serve), `/metrics`.
//!
//! Readiness means that each cache was filled once and each socket is bound. It does not fall back when the API server
//! goes away: machines are served from the caches then, and a replica taken out of rotation could not.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    extract::{RawQuery, State},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};

use crate::metrics::Metrics;

/// The checks of `/readyz`. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    checks: Arc<Mutex<BTreeMap<&'static str, bool>>>,
}

impl Readiness {
    /// Adds a check that fails until [`Readiness::pass`].
    pub fn expect(&self, check: &'static str) {
        self.lock().entry(check).or_insert(false);
    }

    /// A check passes from now on.
    pub fn pass(&self, check: &'static str) {
        self.lock().insert(check, true);
    }

    /// Whether that check passes.
    pub fn passes(&self, check: &str) -> bool {
        self.lock().get(check).copied().unwrap_or(false)
    }

    /// Whether all checks pass, and each of them.
    pub fn report(&self) -> (bool, Vec<(&'static str, bool)>) {
        let checks: Vec<_> = self.lock().iter().map(|(name, passed)| (*name, *passed)).collect();
        (checks.iter().all(|(_, passed)| *passed), checks)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, bool>> {
        self.checks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Clone)]
struct Health {
    readiness: Readiness,
    metrics: Arc<Metrics>,
    measure: Measure,
}

/// Brings the metrics up to date that are cheaper to count when somebody looks.
pub type Measure = Arc<dyn Fn(&Metrics) + Send + Sync>;

/// The health port's paths.
pub fn router(readiness: Readiness, metrics: Arc<Metrics>, measure: Measure) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(render))
        .with_state(Health { readiness, metrics, measure })
}

/// Like Kubernetes' own: `ok`, or each check on a line; `?verbose` lists them always.
async fn readyz(State(health): State<Health>, RawQuery(query): RawQuery) -> Response {
    let (ready, checks) = health.readiness.report();
    let verbose = query.is_some_and(|q| q.split('&').any(|p| p.split('=').next().is_some_and(|key| key == "verbose")));
    if ready && !verbose {
        return "ok".into_response();
    }
    let mut text = String::new();
    for (name, passed) in checks {
        let _ = if passed { writeln!(text, "[+]{name} ok") } else { writeln!(text, "[-]{name} not yet") };
    }
    text += if ready { "readyz check passed\n" } else { "readyz check failed\n" };
    (if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, text).into_response()
}

async fn render(State(health): State<Health>) -> Response {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    (health.measure)(&health.metrics);
    ([(CONTENT_TYPE, OPEN_METRICS)], health.metrics.render()).into_response()
}

#[cfg(test)]
mod tests;
