//! What Kubernetes' controller manager and API server do by themselves, as far as it concerns stored objects: garbage
//! collection, the end of namespaces, what each namespace is given, the life of `CustomResourceDefinitions`, aggregated
//! roles, disruption budgets, old Events.
//!
//! Each controller is a task over the store's watches. What it decides is a pure function beside it, with the time as an
//! argument; the task lists, follows, writes, and tries again: after a conflict with the newer object, after an expired
//! watch from a new list, after a failing disk a little later.

mod aggregation;
mod crds;
pub mod csr;
mod disruption;
mod events;
mod follow;
mod gc;
mod namespaces;
mod serviceaccounts;
mod tasks;
mod write;

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

pub use self::tasks::{Ended, Tasks};
use crate::{kinds::Registry, store::Store};

/// How long to wait before work is tried again that the store refused, or that waits for others to finish.
const RETRY: Duration = Duration::from_millis(500);

/// Registers every stored `CustomResourceDefinition`, then starts the controllers. They run until `stop`; one that ends before
/// is a bug.
///
/// The signer of certificates ([`csr::run`]) is started apart, since it holds the CA's key.
pub fn spawn(tasks: &mut Tasks, store: &Store, registry: &Arc<Registry>, ca_pem: &str, stop: &CancellationToken) {
    crds::register_all(store, registry);
    let mut start = |name, work: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>| {
        let stop = stop.clone();
        tasks.spawn(name, async move {
            // A commit that is cut short is either stored or not: both are states to begin from.
            tokio::select! {
                () = stop.cancelled() => {}
                () = work => {}
            }
        });
    };
    start("garbage collector", Box::pin(gc::run(store.clone(), Arc::clone(registry))));
    start("namespace controller", Box::pin(namespaces::run(store.clone(), Arc::clone(registry))));
    start("service account controller", Box::pin(serviceaccounts::run(store.clone(), ca_pem.to_owned())));
    start("definition controller", Box::pin(crds::run(store.clone(), Arc::clone(registry))));
    start("role aggregation", Box::pin(aggregation::run(store.clone())));
    start("disruption controller", Box::pin(disruption::run(store.clone(), Arc::clone(registry))));
    start("event expiry", Box::pin(events::run(store.clone())));
}

#[cfg(test)]
mod tests;
