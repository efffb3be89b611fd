//! How controllers write: read, decide, commit against what was read, and again on a conflict.

use serde_json::{Value, json};

use crate::{
    object,
    store::{Change, CommitError, Key, Precondition, Store},
};

/// What happens to dependents of a deleted object (`propagationPolicy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    Background,
    Foreground,
    Orphan,
}

/// Kept until blocking dependents are gone.
pub(super) const FOREGROUND: &str = "foregroundDeletion";
/// Kept until dependents were told.
pub(super) const ORPHAN: &str = "orphan";

/// Applies `decide` to the newest state of the object with this uid (any, when empty) and commits what it returns. `None`,
/// a successor or an absent object end it. Says whether something was written.
pub(super) async fn update(
    store: &Store,
    key: &Key,
    uid: &str,
    decide: impl Fn(Value) -> Option<Change>,
) -> Result<bool, CommitError> {
    loop {
        let Some(stored) = store.get(key) else { return Ok(false) };
        let object = stored.object();
        if !uid.is_empty() && object::uid(&object) != uid {
            return Ok(false);
        }
        let Some(change) = decide(object) else { return Ok(false) };
        match store.commit(key.clone(), Precondition::Revision(stored.revision), change).await {
            Ok(_) => return Ok(true),
            Err(CommitError::Missing(_) | CommitError::Exists(_)) => return Ok(false),
            Err(CommitError::Stale { .. }) => {}
            Err(e @ CommitError::Disk(_)) => return Err(e),
        }
    }
}

/// What still holds a deleted object: finalizers of its metadata and, of a namespace, of its spec.
fn held(object: &Value) -> bool {
    let spec = (object["kind"] == "Namespace").then(|| object.pointer("/spec/finalizers")).flatten();
    !object::finalizers(object).is_empty() || spec.and_then(Value::as_array).is_some_and(|l| !l.is_empty())
}

/// Deletes like a client would: at once, or by marking what finalizers hold. `None` when that was done before.
pub(super) fn delete(mut object: Value, policy: Policy, now: &str) -> Option<Change> {
    if object::is_deleting(&object) {
        return (!held(&object)).then_some(Change::Delete(object));
    }
    let finalizer = match policy {
        Policy::Background => None,
        Policy::Foreground => Some(FOREGROUND),
        Policy::Orphan => Some(ORPHAN),
    };
    if let Some(f) = finalizer {
        let mut list = object::finalizers(&object);
        if !list.iter().any(|x| x == f) {
            list.push(f.to_owned());
            object::metadata_mut(&mut object).insert("finalizers".into(), json!(list));
        }
    }
    if !held(&object) {
        return Some(Change::Delete(object));
    }
    let meta = object::metadata_mut(&mut object);
    meta.insert("deletionTimestamp".into(), now.into());
    meta.insert("deletionGracePeriodSeconds".into(), 0.into());
    if let Some(generation) = meta.get("generation").and_then(Value::as_i64) {
        meta.insert("generation".into(), (generation + 1).into());
    }
    Some(Change::Put(object))
}

/// Removes a finalizer; the object goes when it was the last one that held it. `None` when it is not there.
pub(super) fn release(mut object: Value, finalizer: &str) -> Option<Change> {
    let mut list = object::finalizers(&object);
    let before = list.len();
    list.retain(|f| f != finalizer);
    if list.len() == before {
        return None;
    }
    let meta = object::metadata_mut(&mut object);
    if list.is_empty() {
        meta.remove("finalizers");
    } else {
        meta.insert("finalizers".into(), json!(list));
    }
    Some(settle(object))
}

/// Stores an object, or removes it when it is deleted and nothing holds it any more.
pub(super) fn settle(object: Value) -> Change {
    if object::is_deleting(&object) && !held(&object) { Change::Delete(object) } else { Change::Put(object) }
}

/// RFC 3339 with seconds, as metadata has it.
pub(super) fn text(now: jiff::Timestamp) -> String {
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
