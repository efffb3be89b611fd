//! Keeps the status of `PodDisruptionBudgets`, which evictions are measured by.
//!
//! What is counted is [`crate::disruption::status`]'s; this follows budgets and Pods, and finds how many Pods a controller
//! is to have. Nothing runs Deployments here: a controller's `spec.replicas` counts, whoever plays it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use super::{
    RETRY,
    follow::{Follower, Seen},
    write,
};
use crate::{
    disruption::{
        BUDGETS, guards,
        status::{Controller, Scale, recheck, refreshed},
    },
    kinds::{Registry, scale::scale_of},
    object,
    store::{Change, CommitError, Key, Store},
};

const PODS: &str = "pods";
/// Pods come in groups: what changes within this time is counted together.
const TOGETHER: Duration = Duration::from_millis(20);

/// How many Pods this controller is to have. A `ReplicaSet` of a Deployment is scaled by that.
fn find_scale(
    store: &Store,
    registry: &Registry,
    namespace: &str,
    wanted: &Controller,
) -> Result<Option<Scale>, String> {
    let (group, version) = wanted.api_version.split_once('/').unwrap_or(("", &wanted.api_version));
    let Some(resource) = registry.by_kind(group, version, &wanted.kind) else { return Ok(None) };
    let Some(paths) = resource.strategy.scale_paths() else {
        return Err(format!("{} does not implement the scale subresource", resource.storage));
    };
    let namespace = if resource.namespaced { namespace } else { "" };
    let key =
        Key { resource: Arc::clone(&resource.storage), namespace: namespace.into(), name: wanted.name.as_str().into() };
    let Some(found) = store.get(&key).map(|s| s.object()).filter(|o| object::uid(o) == wanted.uid) else {
        return Ok(None);
    };
    if let Some(above) = Controller::of(&found)
        && (wanted.kind.as_str(), above.kind.as_str()) == ("ReplicaSet", "Deployment")
    {
        return find_scale(store, registry, namespace, &above);
    }
    let replicas = scale_of(&paths, &found)["spec"]["replicas"].as_i64().unwrap_or_default();
    Ok(Some((wanted.uid.clone(), replicas)))
}

/// Brings all budgets of a namespace up to date. Says when to look again although nothing happened.
async fn count(store: &Store, registry: &Registry, namespace: &str) -> Result<Option<Timestamp>, CommitError> {
    let mut again = None;
    for stored in store.list(BUDGETS, Some(namespace)).items {
        write::update(store, &stored.key, "", |budget| {
            // Listed after the budget was read: a Pod whose eviction it does not know yet is then seen as it was before,
            // and the commit fails.
            let pods: Vec<Value> = store
                .list(PODS, Some(namespace))
                .items
                .iter()
                .filter(|p| guards(&budget, p))
                .map(|p| p.object())
                .collect();
            let scale = |wanted: &Controller| find_scale(store, registry, namespace, wanted);
            let new = refreshed(&budget, &pods, &scale, Timestamp::now());
            (new != budget).then_some(Change::Put(new))
        })
        .await?;
        let next = store.get(&stored.key).and_then(|s| recheck(&s.object()));
        again = again.into_iter().chain(next).min();
    }
    Ok(again)
}

/// Which namespaces are to be counted, and when.
#[derive(Default)]
struct Due(BTreeMap<Arc<str>, Instant>);

impl Due {
    fn at(&mut self, namespace: Arc<str>, when: Instant) {
        let due = self.0.entry(namespace).or_insert(when);
        *due = when.min(*due);
    }
    fn next(&self) -> Option<Instant> {
        self.0.values().min().copied()
    }
    fn take(&mut self, now: Instant) -> Vec<Arc<str>> {
        let due: Vec<_> = self.0.iter().filter(|(_, when)| **when <= now).map(|(n, _)| Arc::clone(n)).collect();
        self.0.retain(|_, when| *when > now);
        due
    }
    fn saw(&mut self, seen: Seen, store: &Store) {
        let soon = Instant::now() + TOGETHER;
        match seen {
            Seen::Event(e) => self.at(Arc::clone(&e.object.key.namespace), soon),
            Seen::Listed(_) => {
                for budget in store.list(BUDGETS, None).items {
                    self.at(Arc::clone(&budget.key.namespace), soon);
                }
            }
        }
    }
}

/// Runs until dropped.
pub(super) async fn run(store: Store, registry: Arc<Registry>) {
    let (mut budgets, mut pods) = (Follower::new(&store, BUDGETS), Follower::new(&store, PODS));
    let mut due = Due::default();
    loop {
        let next = due.next();
        tokio::select! {
            seen = budgets.next() => due.saw(seen, &store),
            seen = pods.next() => due.saw(seen, &store),
            () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {
                for namespace in due.take(Instant::now()) {
                    match count(&store, &registry, &namespace).await {
                        Ok(None) => {}
                        Ok(Some(again)) => {
                            let wait = again.duration_since(Timestamp::now()).max(jiff::SignedDuration::ZERO);
                            // A little later than the moment itself, at which the wait is not yet over.
                            due.at(namespace, Instant::now() + wait.unsigned_abs() + Duration::from_secs(1));
                        }
                        Err(error) => {
                            tracing::warn!(namespace = &*namespace, %error, "disruption budgets will be counted later");
                            due.at(namespace, Instant::now() + RETRY);
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
