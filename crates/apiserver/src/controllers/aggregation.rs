//! Writes the rules of aggregated `ClusterRoles` into them, where people and `kubectl` look for them.
//!
//! Authorization does not depend on it: it resolves aggregation itself. What is to be written is decided by
//! [`outdated_roles`], a pure function over all `ClusterRoles`.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use super::{RETRY, follow::Follower, write};
use crate::{
    auth::outdated_roles,
    store::{Change, CommitError, Key, Store},
};

const RESOURCE: &str = "clusterroles.rbac.authorization.k8s.io";
/// Roles come in bundles: what changes within this time is looked at together.
const TOGETHER: Duration = Duration::from_millis(50);

/// Brings all aggregated roles up to date.
async fn bring_up_to_date(store: &Store) -> Result<(), CommitError> {
    let roles: Vec<Value> = store.list(RESOURCE, None).items.iter().map(|s| s.object()).collect();
    for (name, rules) in outdated_roles(&roles) {
        let key = Key { resource: RESOURCE.into(), namespace: "".into(), name: name.as_str().into() };
        write::update(store, &key, "", |mut role| {
            // Its own state only: if more changed since, that is looked at next.
            if role["aggregationRule"].is_null() || role["rules"] == rules {
                return None;
            }
            role["rules"] = rules.clone();
            Some(Change::Put(role))
        })
        .await?;
    }
    Ok(())
}

/// Runs until dropped.
pub(super) async fn run(store: Store) {
    let mut roles = Follower::new(&store, RESOURCE);
    let mut due: Option<Instant> = None;
    loop {
        tokio::select! {
            _ = roles.next() => {
                due.get_or_insert_with(|| Instant::now() + TOGETHER);
            }
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                due = match bring_up_to_date(&store).await {
                    Ok(()) => None,
                    Err(error) => {
                        tracing::warn!(%error, "aggregated roles will be written later");
                        Some(Instant::now() + RETRY)
                    }
                };
            }
        }
    }
}

#[cfg(test)]
mod tests;
