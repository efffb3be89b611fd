//! What every namespace is given: the `ServiceAccount` `default`, and the `ConfigMap` `kube-root-ca.crt` by which pods know
//! the API server.

use serde_json::{Value, json};

use super::{
    RETRY,
    follow::{Follower, Seen},
    write,
};
use crate::{
    object,
    store::{Change, CommitError, EventKind, Key, Precondition, Store},
};

const ACCOUNT: &str = "default";
const ROOT_CA: &str = "kube-root-ca.crt";

fn new_object(api_version: &str, kind: &str, name: &str, namespace: &str, uid: &str, now: &str) -> Value {
    json!({
        "apiVersion": api_version, "kind": kind,
        "metadata": {"name": name, "namespace": namespace, "uid": uid, "creationTimestamp": now},
    })
}

/// The `ConfigMap` as it should be; `None` when it is so.
pub(super) fn root_ca(existing: Option<&Value>, namespace: &str, ca_pem: &str, uid: &str, now: &str) -> Option<Value> {
    let data = json!({"ca.crt": ca_pem});
    match existing {
        Some(map) if map["data"] == data => None,
        Some(map) if object::is_deleting(map) => None,
        Some(map) => {
            let mut next = map.clone();
            next["data"] = data;
            Some(next)
        }
        None => {
            let mut map = new_object("v1", "ConfigMap", ROOT_CA, namespace, uid, now);
            map["metadata"]["annotations"] = json!({
                "kubernetes.io/description": "Contains a CA bundle that can be used to verify the kube-apiserver when \
                    using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage \
                    is guaranteed across distributions of Kubernetes clusters."
            });
            map["data"] = data;
            Some(map)
        }
    }
}

/// The account as it should be; `None` when it is there.
pub(super) fn account(existing: Option<&Value>, namespace: &str, uid: &str, now: &str) -> Option<Value> {
    existing.is_none().then(|| new_object("v1", "ServiceAccount", ACCOUNT, namespace, uid, now))
}

fn new_uid() -> Option<String> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).ok()?;
    Some(uuid::Builder::from_random_bytes(bytes).into_uuid().to_string())
}

/// Writes what is missing in a namespace that is not ending. Says whether that worked.
async fn give(store: &Store, namespace: &str, ca_pem: &str) -> bool {
    let key = |resource: &str, namespace: &str, name: &str| Key {
        resource: resource.into(),
        namespace: namespace.into(),
        name: name.into(),
    };
    let now = write::text(jiff::Timestamp::now());
    for (resource, name) in [("serviceaccounts", ACCOUNT), ("configmaps", ROOT_CA)] {
        let owner = store.get(&key("namespaces", "", namespace)).map(|s| s.object());
        if owner.is_none_or(|n| object::is_deleting(&n)) {
            return true;
        }
        let Some(uid) = new_uid() else { return false };
        let key = key(resource, namespace, name);
        let existing = store.get(&key);
        let current = existing.as_ref().map(|s| s.object());
        let wanted = match name {
            ACCOUNT => account(current.as_ref(), namespace, &uid, &now),
            _ => root_ca(current.as_ref(), namespace, ca_pem, &uid, &now),
        };
        let Some(wanted) = wanted else { continue };
        let precondition = existing.map_or(Precondition::Absent, |s| Precondition::Revision(s.revision));
        match store.commit(key, precondition, Change::Put(wanted)).await {
            Ok(_) | Err(CommitError::Exists(_) | CommitError::Missing(_)) => {}
            Err(CommitError::Stale { .. }) => return false,
            Err(error @ CommitError::Disk(_)) => {
                tracing::warn!(namespace, %error, "namespace content will be tried again");
                return false;
            }
        }
    }
    true
}

/// Runs until dropped.
pub(super) async fn run(store: Store, ca_pem: String) {
    let mut namespaces = Follower::new(&store, "namespaces");
    let mut accounts = Follower::new(&store, "serviceaccounts");
    let mut maps = Follower::new(&store, "configmaps");
    let mut waiting = std::collections::BTreeSet::new();
    let of = |seen: Seen, name: &str| match seen {
        // The list of namespaces covers all of them.
        Seen::Listed(_) => None,
        Seen::Event(e) => (&*e.object.key.name == name).then(|| e.object.key.namespace.to_string()),
    };
    loop {
        tokio::select! {
            seen = namespaces.next() => match seen {
                Seen::Listed(items) => waiting.extend(items.iter().map(|s| s.key.name.to_string())),
                Seen::Event(e) if e.kind == EventKind::Added => {
                    waiting.insert(e.object.key.name.to_string());
                }
                Seen::Event(_) => {}
            },
            seen = accounts.next() => waiting.extend(of(seen, ACCOUNT)),
            seen = maps.next() => waiting.extend(of(seen, ROOT_CA)),
            () = tokio::time::sleep(RETRY), if !waiting.is_empty() => {}
        }
        for namespace in waiting.clone() {
            if give(&store, &namespace, &ca_pem).await {
                waiting.remove(&namespace);
            }
        }
    }
}

#[cfg(test)]
mod tests;
