//! What is counted here.

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

type Words = [(&'static str, &'static str); 2];
type Word = [(&'static str, &'static str); 1];

/// The counters of this module.
#[derive(Debug, Default)]
pub struct ImageMetrics {
    pulls: Family<Words, Counter>,
    pulled: Counter,
    references: Family<Word, Gauge>,
    images: Gauge,
    cache: Gauge,
    collected: Counter,
}

impl ImageMetrics {
    /// Makes them known under their names.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "image_pulls",
            "Attempts to bring an image up to date by outcome (pulled, unchanged, failed) and kind of failure",
            self.pulls.clone(),
        );
        registry.register_with_unit(
            "image_pulled",
            "Bytes of layers and configurations that came from registries and layouts",
            Unit::Bytes,
            self.pulled.clone(),
        );
        registry.register(
            "image_references",
            "References that this site's Machines name by state (ready, stale, pulling, failed)",
            self.references.clone(),
        );
        registry.register("images", "Unpacked images on disk", self.images.clone());
        registry.register_with_unit(
            "image_cache",
            "Size of the unpacked images on disk",
            Unit::Bytes,
            self.cache.clone(),
        );
        registry.register(
            "images_collected",
            "Unpacked images removed because nobody names them",
            self.collected.clone(),
        );
    }

    /// An attempt succeeded: `pulled` or `unchanged`.
    pub(super) fn succeeded(&self, outcome: &'static str) {
        self.pulls.get_or_create(&[("outcome", outcome), ("reason", "none")]).inc();
    }

    /// An attempt failed; the reason is a word of the program.
    pub(super) fn failed(&self, reason: &'static str) {
        self.pulls.get_or_create(&[("outcome", "failed"), ("reason", reason)]).inc();
    }

    /// Bytes came.
    pub(super) fn pulled(&self, bytes: u64) {
        self.pulled.inc_by(bytes);
    }

    /// References by state.
    pub(super) fn set_references(&self, by_state: &[(&'static str, usize)]) {
        for (state, count) in by_state {
            self.references.get_or_create(&[("state", state)]).set(i64::try_from(*count).unwrap_or(i64::MAX));
        }
    }

    /// What is on disk.
    pub(super) fn set_cache(&self, images: usize, bytes: u64) {
        self.images.set(i64::try_from(images).unwrap_or(i64::MAX));
        self.cache.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// Images were removed.
    pub(super) fn collected(&self, count: usize) {
        self.collected.inc_by(count as u64);
    }
}
