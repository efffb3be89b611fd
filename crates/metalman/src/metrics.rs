//! What is counted. Labels are bounded: never a Machine's name, an address or an error's text.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64},
    },
    time::{Duration, Instant},
};

use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

use crate::{
    boot::BootMetrics, dhcp::DhcpMetrics, http::HttpMetrics, images::ImageMetrics, lifecycle::LifecycleMetrics,
    redfish::RedfishMetrics, tftp::TftpMetrics,
};

/// One label with a word known at compile time.
type Word = [(&'static str, &'static str); 1];
/// Two of them.
type Words = [(&'static str, &'static str); 2];

/// All metrics of the process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    leader: Gauge,
    machines: Family<Word, Gauge>,
    macs: Gauge,
    addresses: Gauge,
    duplicates: Gauge,
    api_errors: Family<Words, Counter>,
    watch_restarts: Family<Word, Counter>,
    watch_staleness: Family<Word, Gauge<f64, AtomicU64>>,
    cluster_facts: Family<Words, Gauge<i64, AtomicI64>>,
    events: Family<Word, Counter>,
    /// Of the DHCP server.
    pub dhcp: DhcpMetrics,
    /// Of the TFTP server.
    pub tftp: TftpMetrics,
    /// Of boot files, by TFTP and HTTP.
    pub boot: BootMetrics,
    /// Of the HTTP boot server.
    pub http: HttpMetrics,
    /// Of netboot images.
    pub images: ImageMetrics,
    /// Of decisions about Machines.
    pub lifecycle: LifecycleMetrics,
    /// Of BMCs.
    pub redfish: RedfishMetrics,
    /// Since when each watch is broken.
    broken: Mutex<BTreeMap<&'static str, Option<Instant>>>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All metrics, at zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("metalman");
        let build = Family::<Word, Gauge>::default();
        build.get_or_create(&[("version", env!("CARGO_PKG_VERSION"))]).set(1);
        registry.register("build_info", "The build that runs, always 1", build);
        let metrics = Self {
            leader: Gauge::default(),
            machines: Family::default(),
            macs: Gauge::default(),
            addresses: Gauge::default(),
            duplicates: Gauge::default(),
            api_errors: Family::default(),
            watch_restarts: Family::default(),
            watch_staleness: Family::default(),
            cluster_facts: Family::default(),
            events: Family::default(),
            dhcp: DhcpMetrics::default(),
            tftp: TftpMetrics::default(),
            boot: BootMetrics::default(),
            http: HttpMetrics::default(),
            images: ImageMetrics::default(),
            lifecycle: LifecycleMetrics::default(),
            redfish: RedfishMetrics::default(),
            broken: Mutex::default(),
            registry: Registry::default(),
        };
        registry.register("leader", "Whether this replica leads its site", metrics.leader.clone());
        registry.register("machines", "Machines of this site by phase", metrics.machines.clone());
        registry.register("inventory_macs", "MAC addresses that are served", metrics.macs.clone());
        registry.register("inventory_addresses", "IPv4 addresses that are served", metrics.addresses.clone());
        registry.register(
            "inventory_duplicates",
            "Machines that are not served because an older one holds their MAC or address",
            metrics.duplicates.clone(),
        );
        registry.register("api_errors", "Failed requests to the API server", metrics.api_errors.clone());
        registry.register("watch_restarts", "Watches that broke and were begun again", metrics.watch_restarts.clone());
        registry.register_with_unit(
            "watch_staleness",
            "How long a watch has been broken; 0 while it works",
            Unit::Seconds,
            metrics.watch_staleness.clone(),
        );
        registry.register(
            "cluster_fact",
            "Where what machines are told about the cluster comes from, always 1",
            metrics.cluster_facts.clone(),
        );
        registry.register("events", "Events about Machines by outcome", metrics.events.clone());
        metrics.dhcp.register(&mut registry);
        metrics.tftp.register(&mut registry);
        metrics.boot.register(&mut registry);
        metrics.http.register(&mut registry);
        metrics.images.register(&mut registry);
        metrics.lifecycle.register(&mut registry);
        metrics.redfish.register(&mut registry);
        Self { registry, ..metrics }
    }

    /// This replica leads, or not.
    pub fn set_leader(&self, leads: bool) {
        self.leader.set(leads.into());
    }

    /// What the inventory holds: Machines by phase, addresses, and the Machines that are duplicates.
    pub fn set_inventory(&self, by_phase: &[(&'static str, usize)], macs: usize, addresses: usize, duplicates: usize) {
        let gauge = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        for (phase, count) in by_phase {
            self.machines.get_or_create(&[("phase", phase)]).set(gauge(*count));
        }
        self.macs.set(gauge(macs));
        self.addresses.set(gauge(addresses));
        self.duplicates.set(gauge(duplicates));
    }

    /// A request failed. Both are words of the program, not of the error.
    pub fn api_error(&self, operation: &'static str, error: &kube::Error) {
        self.api_errors.get_or_create(&[("operation", operation), ("reason", class(error))]).inc();
    }

    /// A watch works.
    pub fn watch_works(&self, resource: &'static str) {
        self.lock().insert(resource, None);
    }

    /// A watch broke, or is broken still.
    pub fn watch_broke(&self, resource: &'static str) {
        self.watch_restarts.get_or_create(&[("resource", resource)]).inc();
        self.lock().entry(resource).or_default().get_or_insert_with(Instant::now);
    }

    /// How long that watch has been broken; none while it works.
    pub fn watch_staleness(&self, resource: &str) -> Option<Duration> {
        self.lock().get(resource).copied().flatten().map(|since| since.elapsed())
    }

    /// Where a fact about the cluster came from.
    pub fn set_cluster_fact(&self, fact: &'static str, source: &'static str, all: &[&'static str]) {
        for other in all {
            self.cluster_facts.get_or_create(&[("fact", fact), ("source", other)]).set((*other == source).into());
        }
    }

    /// What became of an event about a Machine.
    pub fn event(&self, outcome: &'static str) {
        self.events.get_or_create(&[("outcome", outcome)]).inc();
    }

    /// The text that Prometheus scrapes (OpenMetrics).
    pub fn render(&self) -> String {
        for (resource, since) in self.lock().iter() {
            let seconds = since.map_or(0.0, |since| since.elapsed().as_secs_f64());
            self.watch_staleness.get_or_create(&[("resource", resource)]).set(seconds);
        }
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, Option<Instant>>> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The kind of a failed request, of which there are few.
fn class(error: &kube::Error) -> &'static str {
    match error {
        kube::Error::Api(status) => match status.code {
            401 => "unauthorized",
            403 => "forbidden",
            404 => "not_found",
            409 => "conflict",
            410 => "expired",
            422 => "invalid",
            429 => "throttled",
            400..=499 => "client_error",
            _ => "server_error",
        },
        kube::Error::SerdeError(_) => "decode",
        _ => "connection",
    }
}

#[cfg(test)]
mod tests;
