//! Signs approved `CertificateSigningRequests` of the built-in signers.
//!
//! [`settled`] decides over one object; [`run`] is the shell: it watches, writes, and retries. Approval is not its
//! business: somebody who may has approved before.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    object,
    pki::{CryptoError, Pki, Verdict, assess},
    store::{Change, CommitError, EventKind, Key, Precondition, Store, WatchError},
};

/// Storage name of the resource.
const REQUESTS: &str = "certificatesigningrequests.certificates.k8s.io";
/// Pause before trying again after the store refused.
const RETRY: Duration = Duration::from_secs(1);

/// The next state of a request: with its certificate, or with the condition why there will be none. `None`: nothing to do.
pub fn settled(csr: &Value, pki: &Pki, now: Timestamp) -> Result<Option<Value>, CryptoError> {
    let mut next = csr.clone();
    match assess(csr) {
        Verdict::Leave => return Ok(None),
        Verdict::Sign(grant) => next["status"]["certificate"] = STANDARD.encode(pki.issue(&grant, now)?).into(),
        Verdict::Fail(why) => {
            let at = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            let condition = json!({
                "type": "Failed", "status": "True", "reason": "SignerValidationFailure", "message": why,
                "lastUpdateTime": at, "lastTransitionTime": at,
            });
            // There are conditions: it was approved.
            if let Some(conditions) = next.pointer_mut("/status/conditions").and_then(Value::as_array_mut) {
                conditions.push(condition);
            }
        }
    }
    Ok(Some(next))
}

/// Settles one request; on a conflict again with its newer state. `false`: the store or the system refused, try later.
async fn settle(store: &Store, pki: &Pki, key: &Key) -> bool {
    loop {
        let Some(stored) = store.get(key) else { return true };
        let csr = stored.object();
        let next = match settled(&csr, pki, Timestamp::now()) {
            Ok(None) => return true,
            Ok(Some(next)) => next,
            Err(error) => {
                tracing::error!(request = object::name(&csr), %error, "certificate not signed");
                return false;
            }
        };
        let signed = next.pointer("/status/certificate").is_some();
        match store.commit(key.clone(), Precondition::Revision(stored.revision), Change::Put(next)).await {
            Ok(_) => {
                tracing::info!(request = object::name(&csr), signed, "certificate request settled");
                return true;
            }
            Err(CommitError::Stale { .. } | CommitError::Missing(_) | CommitError::Exists(_)) => {}
            Err(error @ CommitError::Disk(_)) => {
                tracing::warn!(request = object::name(&csr), %error, "certificate not stored, trying again");
                return false;
            }
        }
    }
}

/// Settles everything there is, then follows the watch. Returns when it ends: `true` to begin again at once.
async fn follow(store: &Store, pki: &Pki) -> bool {
    let page = store.list(REQUESTS, None);
    for stored in &page.items {
        if !settle(store, pki, &stored.key).await {
            return false;
        }
    }
    let mut watcher = match store.watch(REQUESTS, None, page.revision) {
        Ok(watcher) => watcher,
        Err(WatchError::Expired { .. }) => return true,
        Err(WatchError::Future { .. }) => return false,
    };
    loop {
        match watcher.next().await {
            Ok(event) if event.kind == EventKind::Deleted => {}
            Ok(event) if settle(store, pki, &event.object.key).await => {}
            // The list that begins the next round finds whatever was left or missed.
            Ok(_) | Err(WatchError::Future { .. }) => return false,
            Err(WatchError::Expired { .. }) => return true,
        }
    }
}

/// Runs until stopped.
pub async fn run(store: Store, pki: Arc<Pki>, stop: CancellationToken) {
    let work = async {
        loop {
            if !follow(&store, &pki).await {
                tokio::time::sleep(RETRY).await;
            }
        }
    };
    // A commit that is cut short by the stop is either stored or not: both are states to begin from.
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}

#[cfg(test)]
mod tests;
