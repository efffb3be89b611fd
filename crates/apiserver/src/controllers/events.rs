//! Events are forgotten an hour after they were last seen, as `--event-ttl` has it in Kubernetes.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::store::{Change, CommitError, Precondition, Store};

const TTL: SignedDuration = SignedDuration::from_hours(1);
/// How often to look. An Event may so outlive its hour by as much, which nobody minds.
const PERIOD: Duration = Duration::from_mins(1);

/// Whether the Event (in its stored, core form) was last seen more than an hour ago.
pub(super) fn expired(event: &Value, now: Timestamp) -> bool {
    let times =
        ["/metadata/creationTimestamp", "/firstTimestamp", "/lastTimestamp", "/eventTime", "/series/lastObservedTime"];
    let seen = times.iter().filter_map(|p| event.pointer(p)?.as_str()?.parse::<Timestamp>().ok());
    // A reporter's clock far ahead of ours must not make its Events immortal.
    seen.filter(|t| *t <= now).max().is_some_and(|last| now.duration_since(last) > TTL)
}

async fn sweep(store: &Store, now: Timestamp) -> Result<(), CommitError> {
    for stored in store.list("events", None).items {
        let event = stored.object();
        if !expired(&event, now) {
            continue;
        }
        match store.commit(stored.key.clone(), Precondition::Revision(stored.revision), Change::Delete(event)).await {
            // Seen again in the meantime, or deleted by someone else.
            Ok(_) | Err(CommitError::Stale { .. } | CommitError::Missing(_) | CommitError::Exists(_)) => {}
            Err(e @ CommitError::Disk(_)) => return Err(e),
        }
    }
    Ok(())
}

/// Runs until dropped.
pub(super) async fn run(store: Store) {
    loop {
        if let Err(error) = sweep(&store, Timestamp::now()).await {
            tracing::warn!(%error, "old events will be removed later");
        }
        tokio::time::sleep(PERIOD).await;
    }
}

#[cfg(test)]
mod tests;
