//! What becomes of a dependent, from the state of its owners.

use serde_json::Value;

use super::head::Owner;
use crate::{
    controllers::write::{FOREGROUND, ORPHAN, Policy},
    object,
};

/// How an owner is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// There, and staying (or deleted in another way than in the foreground).
    Solid,
    /// Being deleted in the foreground: it waits for its dependents.
    Waiting,
    /// Gone, or another object by now.
    Absent,
    /// Cannot be looked up: its kind is not served, or the reference crosses scopes.
    Unknown,
}

/// What to do with the dependent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Keep,
    /// Remove the references to these uids.
    Drop(Vec<String>),
    Delete(Policy),
}

/// Judges. `parent`: the dependent has dependents of its own; `finalizers` are its own.
pub(super) fn judge(owners: &[(Owner, State)], parent: bool, finalizers: &[String]) -> Verdict {
    let any = |state: State| owners.iter().any(|(_, s)| *s == state);
    if owners.is_empty() || any(State::Unknown) {
        return Verdict::Keep;
    }
    if any(State::Solid) {
        let lost = owners.iter().filter(|(_, s)| *s != State::Solid);
        let lost: Vec<String> = lost.map(|(o, _)| o.uid.clone()).collect();
        return if lost.is_empty() { Verdict::Keep } else { Verdict::Drop(lost) };
    }
    let has = |f: &str| finalizers.iter().any(|x| x == f);
    Verdict::Delete(match () {
        () if any(State::Waiting) && parent => Policy::Foreground,
        () if has(ORPHAN) => Policy::Orphan,
        () if has(FOREGROUND) => Policy::Foreground,
        () => Policy::Background,
    })
}

/// The object without references to these owners; `None` when it has none of them.
pub(super) fn without(mut object: Value, owners: &[String]) -> Option<Value> {
    let meta = object::metadata_mut(&mut object);
    let list = meta.get_mut("ownerReferences")?.as_array_mut()?;
    let before = list.len();
    list.retain(|r| !owners.iter().any(|uid| r["uid"] == **uid));
    if list.len() == before {
        return None;
    }
    if list.is_empty() {
        meta.remove("ownerReferences");
    }
    Some(object)
}
