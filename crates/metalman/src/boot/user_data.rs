//! Custom user-data: the `ConfigMaps` that Machines name, watched.
//!
//! Decisions: metalman reads `ConfigMaps` in its own namespace only, as its Role allows; a reference to another one is refused
//! and told, never tried. Only `ConfigMaps` that some Machine names are kept.
//!
//! Invariants: a request is answered from memory; content never reaches a log, an event or a status; a reference that does
//! not resolve is an error and never the default.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError, RwLock, RwLockWriteGuard},
    time::Duration,
};

use bytes::Bytes;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client};
use metalman_core::api::{Machine, spec::ConfigMapKeyRef};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    explain::explain,
    inventory::SharedInventory,
    metrics::Metrics,
    watch::{Change, Follower, Selection},
};

/// What a Machine without a reference gets.
const DEFAULT: &[u8] = b"#cloud-config\n";

/// The field that names the ConfigMap.
const FIELD: &str = "spec.pxe.cloudInit.userDataConfigMapRef";

/// How long one request may take, and the pause before failed ones are tried again.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_secs(3);

/// Why there is no user-data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unresolved {
    /// It was not looked up yet.
    NotYet,
    /// It does not resolve, for the operator.
    Failed(String),
}

/// The `ConfigMaps` that Machines name.
#[derive(Debug)]
pub struct UserData {
    namespace: String,
    wanted: RwLock<BTreeMap<String, Entry>>,
}

/// What is known of a ConfigMap that is named.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    Unknown,
    Absent,
    Present(Arc<BTreeMap<String, Bytes>>),
}

impl UserData {
    /// Knows nothing yet. `namespace` is metalman's own.
    pub fn new(namespace: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), wanted: RwLock::default() }
    }

    /// The reference of a Machine.
    pub(super) fn reference(machine: &Machine) -> Option<&ConfigMapKeyRef> {
        machine.spec.pxe.as_ref()?.cloud_init.as_ref()?.user_data_config_map_ref.as_ref()
    }

    /// The user-data of a Machine.
    pub(super) fn of(&self, machine: &Machine) -> Result<Bytes, Unresolved> {
        let Some(reference) = Self::reference(machine) else { return Ok(Bytes::from_static(DEFAULT)) };
        let (own, name, key) = (&self.namespace, &reference.name, reference.key());
        if !self.is_ours(reference) {
            let namespace = &reference.namespace;
            return Err(Unresolved::Failed(format!(
                "{FIELD}: namespace {namespace:?} is not metalman's own; put the ConfigMap into {own}"
            )));
        }
        let wanted = self.wanted.read().unwrap_or_else(PoisonError::into_inner);
        match wanted.get(name) {
            None | Some(Entry::Unknown) => Err(Unresolved::NotYet),
            Some(Entry::Absent) => Err(Unresolved::Failed(format!("{FIELD}: there is no ConfigMap {own}/{name}"))),
            Some(Entry::Present(data)) => data
                .get(key)
                .cloned()
                .ok_or_else(|| Unresolved::Failed(format!("{FIELD}: ConfigMap {own}/{name} has no key {key:?}"))),
        }
    }

    /// Keeps what Machines name up to date, until stopped.
    pub async fn run(
        self: Arc<Self>,
        client: Client,
        inventory: Arc<SharedInventory>,
        metrics: Arc<Metrics>,
        stop: CancellationToken,
    ) {
        let api: Api<ConfigMap> = Api::namespaced(client, &self.namespace);
        let follower = Follower::new(api.clone(), Selection::default(), "user_data", metrics.clone());
        let fetching = stop.run_until_cancelled(self.fetch_as_named(&api, &inventory, &metrics));
        tokio::join!(follower.run(stop.clone(), |change| self.take(change), |_| {}), fetching);
    }

    /// The watch passes over `ConfigMaps` that nobody names; one that is named later is read then.
    async fn fetch_as_named(&self, api: &Api<ConfigMap>, inventory: &SharedInventory, metrics: &Metrics) {
        let mut changes = inventory.changes();
        loop {
            changes.borrow_and_update();
            let named = inventory.read().machines().filter_map(|machine| self.named(machine)).collect();
            let mut failed = false;
            for name in self.want(&named) {
                match tokio::time::timeout(PATIENCE, api.get_opt(&name)).await {
                    Ok(Ok(found)) => self.fetched(&name, found),
                    Ok(Err(error)) => {
                        metrics.api_error("user_data", &error);
                        warn!(config_map = name, error = explain(&error), "user-data cannot be read: trying again");
                        failed = true;
                    }
                    Err(_) => failed = true,
                }
            }
            if failed {
                tokio::time::sleep(PAUSE).await;
            } else if changes.changed().await.is_err() {
                return;
            }
        }
    }

    fn is_ours(&self, reference: &ConfigMapKeyRef) -> bool {
        // Only a Machine stored past the schema names none.
        reference.namespace.is_empty() || reference.namespace == self.namespace
    }

    fn named(&self, machine: &Machine) -> Option<String> {
        Self::reference(machine).filter(|reference| self.is_ours(reference)).map(|reference| reference.name.clone())
    }

    /// From now on these are kept; those of which nothing is known.
    fn want(&self, named: &BTreeSet<String>) -> Vec<String> {
        let mut wanted = self.lock();
        wanted.retain(|name, _| named.contains(name));
        for name in named.iter().filter(|name| !name.is_empty()) {
            wanted.entry(name.clone()).or_insert(Entry::Unknown);
        }
        wanted.iter().filter(|(_, entry)| **entry == Entry::Unknown).map(|(name, _)| name.clone()).collect()
    }

    /// What was read counts only if the watch said nothing meanwhile: the watch is never older.
    fn fetched(&self, name: &str, found: Option<ConfigMap>) {
        if let Some(entry) = self.lock().get_mut(name).filter(|entry| **entry == Entry::Unknown) {
            *entry = found.map_or(Entry::Absent, Entry::of);
        }
    }

    fn take(&self, change: Change<ConfigMap>) {
        let mut wanted = self.lock();
        match change {
            Change::Replace(all) => {
                let mut found: BTreeMap<String, ConfigMap> =
                    all.into_iter().map(|map| (map.metadata.name.clone().unwrap_or_default(), map)).collect();
                for (name, entry) in wanted.iter_mut() {
                    *entry = found.remove(name).map_or(Entry::Absent, Entry::of);
                }
            }
            Change::Apply(map) => {
                if let Some(entry) = wanted.get_mut(map.metadata.name.as_deref().unwrap_or_default()) {
                    *entry = Entry::of(map);
                }
            }
            Change::Delete(map) => {
                if let Some(entry) = wanted.get_mut(map.metadata.name.as_deref().unwrap_or_default()) {
                    *entry = Entry::Absent;
                }
            }
        }
    }

    fn lock(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Entry>> {
        self.wanted.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn of(map: ConfigMap) -> Self {
        let text = map.data.into_iter().flatten().map(|(key, text)| (key, Bytes::from(text)));
        let binary = map.binary_data.into_iter().flatten().map(|(key, bytes)| (key, Bytes::from(bytes.0)));
        Self::Present(Arc::new(text.chain(binary).collect()))
    }
}

#[cfg(test)]
mod tests;
