//! `pods/NAME/eviction`: a deletion that asks the Pod's disruption budget first.
//!
//! The order matters: the budget is charged before the Pod is marked, so that no two evictions spend the same disruption. An
//! eviction that fails between the two has cost a disruption, which the controller gives back after a while. What runs
//! on a Node ends when its kubelet has stopped it: the Pod is marked with its grace period and stays until it is deleted
//! with none.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;

use super::{
    answer::{Answer, served, success},
    options::{DeleteOptions, Query, WriteOptions},
    pipeline::Call,
    special::of_kind,
    write::{ATTEMPTS, Refused, STALE},
};
use crate::{
    disruption::{
        BUDGETS,
        eviction::{self, Verdict},
        guards,
    },
    error::ApiError,
    object,
    store::{Change, CommitError, Precondition, Stored},
};

/// The form of old clients says the same in the same fields.
const VERSIONS: [&str; 2] = ["policy/v1", "policy/v1beta1"];

/// Answers `create` of an Eviction.
pub(super) async fn evict(call: &mut Call, body: &Bytes) -> Result<Answer, ApiError> {
    let create = WriteOptions::read(&call.query, "CreateOptions", false)?;
    let mut eviction = of_kind(call, body, &VERSIONS, "Eviction")?;
    let options = options(&eviction, &create)?;
    if object::name(&eviction) != call.path.name {
        return Err(ApiError::bad_request("name in URL does not match name in Eviction object"));
    }
    call.place(&mut eviction)?;
    call.require_namespace()?;
    call.api.inner.auth.admit(&call.user, &call.attributes(), Some(&eviction), None)?;
    // From here on it is the Pod that changes.
    call.path.subresource.clear();

    if let Some(pod) = unguarded(call, &options).await? {
        // Before anything is charged for a Pod that is not the one that is meant.
        call.check_preconditions(&served(&call.resource, &pod), &call.path.name, &options)?;
        let guard = ask(call, &pod, options.dry_run).await?;
        guarded(call, &pod, guard, options).await?;
    }
    let mut status = success(Value::Null);
    status["code"] = StatusCode::CREATED.as_u16().into();
    Ok(Answer::Plain(StatusCode::CREATED, status))
}

/// How the Pod is to be deleted.
fn options(eviction: &Value, create: &WriteOptions) -> Result<DeleteOptions, ApiError> {
    let delete = &eviction["deleteOptions"];
    if !delete.is_null() && !delete.is_object() {
        return Err(ApiError::bad_request("Eviction cannot be read: deleteOptions must be an object"));
    }
    let mut options = DeleteOptions::read(&Query::default(), delete)?;
    options.dry_run |= create.dry_run;
    Ok(options)
}

/// Deletes a Pod that budgets are not about. One that they may be about is given back.
async fn unguarded(call: &Call, options: &DeleteOptions) -> Result<Option<Arc<Stored>>, ApiError> {
    let mut last = None;
    for _ in 0..ATTEMPTS {
        let stored = call.stored()?;
        let pod = served(&call.resource, &stored);
        if !eviction::ignores_budgets(&pod) {
            return Ok(Some(stored));
        }
        let mut now = options.clone();
        if eviction::may_come_to_count(&pod) {
            now.resource_version.get_or_insert_with(|| stored.revision.to_string());
        }
        match delete(call, now).await {
            Ok(()) => return Ok(None),
            // It changed meanwhile, and may count now. With a version of the client's own it is the client's to look.
            Err(e) if e.code == 409 && options.resource_version.is_none() => last = Some(e),
            Err(e) => return Err(e),
        }
    }
    Err(last.unwrap_or_else(|| call.conflict(&call.path.name, STALE)))
}

/// What guards a Pod that may go.
enum Guard {
    /// Nothing, or a budget that was charged.
    Settled,
    /// A budget that the Pod, as it is now, does not count for.
    Uncounted(String),
}

/// Asks the Pod's budget, and charges it.
async fn ask(call: &Call, pod: &Stored, dry_run: bool) -> Result<Guard, ApiError> {
    let store = &call.api.inner.store;
    let object = served(&call.resource, pod);
    let mut name = String::new();
    for _ in 0..ATTEMPTS {
        let budgets = store.list(BUDGETS, Some(&pod.key.namespace)).items;
        let guarding: Vec<_> = budgets.iter().filter(|b| guards(&b.object(), pod)).collect();
        let stored = match guarding.as_slice() {
            [] => return Ok(Guard::Settled),
            [one] => one,
            _ => return Err(eviction::several_budgets()),
        };
        (*stored.key.name).clone_into(&mut name);
        match eviction::judge(&stored.object(), &object, call.now) {
            Verdict::Free => return Ok(Guard::Uncounted(name)),
            Verdict::Refused(e) => return Err(e),
            Verdict::Charged(_) if dry_run => return Ok(Guard::Settled),
            Verdict::Charged(budget) => {
                let unchanged = Precondition::Revision(stored.revision);
                match store.commit(stored.key.clone(), unchanged, Change::Put(budget)).await {
                    Ok(_) => return Ok(Guard::Settled),
                    Err(CommitError::Disk(e)) => return Err(ApiError::internal(e)),
                    // Another eviction, or the controller, was faster.
                    Err(CommitError::Stale { .. } | CommitError::Missing(_) | CommitError::Exists(_)) => {}
                }
            }
        }
    }
    Err(ApiError::new(504, "Timeout", format!("couldn't update PodDisruptionBudget {name:?} due to conflicts")))
}

async fn guarded(call: &Call, pod: &Stored, guard: Guard, mut options: DeleteOptions) -> Result<(), ApiError> {
    let Guard::Uncounted(budget) = guard else { return delete(call, options).await };
    // It must not have become healthy since it was looked at.
    let ours = options.resource_version.is_none();
    options.resource_version.get_or_insert_with(|| pod.revision.to_string());
    match delete(call, options).await {
        Err(e) if e.code == 409 && ours => Err(eviction::still_processed(&budget)),
        other => other,
    }
}

/// Marks the Pod as evicted, and deletes it.
async fn delete(call: &Call, mut options: DeleteOptions) -> Result<(), ApiError> {
    if !options.dry_run {
        let marked = mark(call, &options).await?;
        if options.resource_version.is_some() {
            options.resource_version = Some(marked.to_string());
        }
    }
    call.remove(&call.path.name, &options).await.map(drop)
}

/// Says on the Pod why it ends. Answers the revision that says so.
async fn mark(call: &Call, options: &DeleteOptions) -> Result<u64, ApiError> {
    let name = &call.path.name;
    for _ in 0..ATTEMPTS {
        let stored = call.stored()?;
        let pod = served(&call.resource, &stored);
        call.check_preconditions(&pod, name, options)?;
        let new = eviction::targeted(&pod, call.now);
        if new == pod {
            return Ok(stored.revision);
        }
        match call.commit(call.key(), Precondition::Revision(stored.revision), Change::Put(new)).await {
            Ok(written) => return Ok(written.revision),
            Err(Refused::Raced) => {}
            Err(Refused::Final(e)) => return Err(e),
        }
    }
    Err(call.conflict(name, STALE))
}
