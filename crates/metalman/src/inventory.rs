//! This site's Machines in memory, fed by the watch, for everything that serves machines.
//!
//! Invariants: lookups never wait for the API server; an API server that goes away takes nothing from the inventory; the
//! lock is held for one lookup or one event, never across an await.

mod changed;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, Weak},
};

use metalman_core::{
    api::{Phase, conditions::reason},
    inventory::Inventory,
    selection::Selection,
};
use tokio::sync::watch;
use tracing::{info, warn};

pub use self::changed::Changed;
use crate::{lifecycle::Pending, metrics::Metrics, watch::Change};
use metalman_core::api::Machine;

/// The inventory, shared.
#[derive(Debug)]
pub struct SharedInventory {
    inventory: RwLock<Inventory>,
    synced: watch::Sender<bool>,
    /// Machines whose `LeasesValid` may have changed, until somebody takes them.
    affected: Changed,
    /// Those who look at each Machine that changed.
    subscribers: Mutex<Vec<Weak<Changed>>>,
    /// Raised by each change, for those who look at all Machines.
    changes: watch::Sender<u64>,
}

impl SharedInventory {
    /// An empty inventory.
    pub fn new(selection: Selection) -> Self {
        Self {
            inventory: RwLock::new(Inventory::new(selection)),
            synced: watch::Sender::new(false),
            affected: Changed::default(),
            subscribers: Mutex::default(),
            changes: watch::Sender::new(0),
        }
    }

    /// The inventory, to look up in. Do not hold it across an await.
    pub fn read(&self) -> RwLockReadGuard<'_, Inventory> {
        // A panic while applying one Machine must not stop serving the others.
        self.inventory.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it was filled once.
    pub fn is_synced(&self) -> bool {
        *self.synced.borrow()
    }

    /// Waits until it was filled once.
    pub async fn synced(&self) {
        // The sender lives in self: the wait cannot fail.
        let _ = self.synced.subscribe().wait_for(|synced| *synced).await;
    }

    /// Takes in what the watch brought.
    pub fn take(&self, change: Change<Machine>) {
        let affected = {
            let mut inventory = self.inventory.write().unwrap_or_else(PoisonError::into_inner);
            match change {
                Change::Replace(machines) => inventory.replace(machines.into_iter().map(Arc::new)),
                Change::Apply(machine) => inventory.apply(Arc::new(machine)),
                Change::Delete(machine) => inventory.remove(machine.name()),
            }
        };
        if self.synced.send_if_modified(|synced| !std::mem::replace(synced, true)) {
            info!(machines = self.read().len(), "inventory filled");
        }
        self.report(&affected);
        self.publish(&affected);
        self.touch(affected);
        self.changes.send_modify(|count| *count += 1);
    }

    /// Wakes after each change, or after several at once.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// The names of the Machines that change from now on, those that are gone too, for as long as it is held.
    pub fn subscribe(&self) -> Arc<Changed> {
        let subscriber = Arc::new(Changed::default());
        self.subscribers.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&subscriber));
        subscriber
    }

    fn publish(&self, names: &BTreeSet<Arc<str>>) {
        let mut subscribers = self.subscribers.lock().unwrap_or_else(PoisonError::into_inner);
        subscribers.retain(|subscriber| {
            subscriber.upgrade().is_some_and(|subscriber| {
                subscriber.mark(names.iter().cloned());
                true
            })
        });
    }

    /// Marks Machines whose `LeasesValid` is to be looked at.
    pub fn touch(&self, names: impl IntoIterator<Item = Arc<str>>) {
        self.affected.mark(names);
    }

    /// Takes the Machines whose `LeasesValid` is to be looked at, as soon as there are any.
    pub async fn affected(&self) -> BTreeSet<Arc<str>> {
        self.affected.take().await
    }

    /// The names of all Machines.
    pub fn names(&self) -> Vec<Arc<str>> {
        self.read().machines().map(|machine| machine.name().into()).collect()
    }

    /// Counts for the metrics.
    pub fn measure(&self, metrics: &Metrics) {
        let inventory = self.read();
        let (mut macs, mut addresses, mut duplicates) = (0, 0, 0);
        let mut phases = [0; Phase::ALL.len()];
        let mut without = 0;
        let mut pending = Pending::default();
        for machine in inventory.machines() {
            pending.count(machine);
            match machine.status.as_ref().and_then(|status| status.phase) {
                Some(phase) => phases[Phase::ALL.iter().position(|p| *p == phase).unwrap_or(0)] += 1,
                None => without += 1,
            }
            if inventory.is_served(machine.name()) {
                let leases = inventory.get(machine.name()).map_or(0, |entry| entry.leases().count());
                macs += leases;
                addresses += leases;
            } else if inventory.leases_valid(machine.name()).is_some_and(|o| o.reason == reason::DUPLICATE) {
                duplicates += 1;
            }
        }
        let mut by_phase: Vec<(&'static str, usize)> =
            Phase::ALL.iter().zip(phases).map(|(phase, count)| (phase.as_str(), count)).collect();
        by_phase.push(("none", without));
        metrics.set_inventory(&by_phase, macs, addresses, duplicates);
        metrics.lifecycle.set_pending(&pending);
    }

    /// Duplicates are told in the log of every replica, as every replica refuses to serve them.
    fn report(&self, affected: &BTreeSet<Arc<str>>) {
        let inventory = self.read();
        for name in affected {
            if let Some(finding) = inventory.leases_valid(name)
                && !inventory.is_served(name)
            {
                warn!(machine = %name, reason = finding.reason, why = finding.message, "machine is not served");
            }
        }
    }
}

#[cfg(test)]
mod tests;
