//! The one place that writes a Machine's status.
//!
//! Invariants: read, change, patch with the `resourceVersion` that was read, again on conflict, a bounded number of times;
//! nothing is sent when nothing changed; fields that this version does not know survive, as only the difference is sent.

mod findings;

use std::{sync::Arc, time::Duration};

use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams},
};
use metalman_core::api::{API_VERSION, Machine, MachineStatus};
use serde_json::{Map, Value, json};
use tracing::debug;

pub use self::findings::PAUSE;
use crate::{election::Term, metrics::Metrics};

/// Tries before a conflict is given back; whoever wanted the change decides again then, from what is there now.
const TRIES: u32 = 5;

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// What came of a change.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Written; the Machine as it is now.
    Written(Box<Machine>),
    /// It says that already.
    Unchanged,
    /// There is no such Machine, or another one of its name.
    Gone,
}

/// Why a status was not written.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// Others write too much.
    #[error("status of machine {machine}: still in conflict after {TRIES} tries")]
    Conflict {
        /// The Machine.
        machine: String,
    },
    /// This replica no longer leads.
    #[error("status of machine {machine}: leadership ended")]
    NotLeader {
        /// The Machine.
        machine: String,
    },
    /// The API server said no, or nothing.
    #[error("status of machine {machine}: cannot {operation}")]
    Api {
        /// The Machine.
        machine: String,
        /// `read` or `patch`.
        operation: &'static str,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
    /// No answer.
    #[error("status of machine {machine}: no answer to {operation} within {PATIENCE:?}")]
    Timeout {
        /// The Machine.
        machine: String,
        /// `read` or `patch`.
        operation: &'static str,
    },
}

/// The writer.
#[derive(Clone)]
pub struct StatusWriter {
    api: Api<Machine>,
    metrics: Arc<Metrics>,
}

impl StatusWriter {
    /// A writer for all Machines.
    pub fn new(client: Client, metrics: Arc<Metrics>) -> Self {
        Self { api: Api::all(client), metrics }
    }

    /// Applies a change to a Machine's status, in the given term only. The closure sees the Machine as the API server has
    /// it and may run several times. With a uid, a Machine that was deleted and made again counts as gone.
    pub async fn update(
        &self,
        term: &Term,
        name: &str,
        uid: Option<&str>,
        change: impl FnMut(&Machine, &mut MachineStatus),
    ) -> Result<Outcome, StatusError> {
        self.write(Some(term), name, uid, change).await
    }

    /// The same without a term, for what only this replica can have seen: a request that it could not answer. That is safe
    /// beside a leader: the change is a fact and no decision, it touches only the field that tells of it, and
    /// `resourceVersion` makes whoever lost a race look again.
    pub async fn witness(
        &self,
        name: &str,
        uid: Option<&str>,
        change: impl FnMut(&Machine, &mut MachineStatus),
    ) -> Result<Outcome, StatusError> {
        self.write(None, name, uid, change).await
    }

    async fn write(
        &self,
        term: Option<&Term>,
        name: &str,
        uid: Option<&str>,
        mut change: impl FnMut(&Machine, &mut MachineStatus),
    ) -> Result<Outcome, StatusError> {
        for attempt in 0..TRIES {
            let Some(machine) = self.call(name, "read", self.api.get_opt(name)).await? else {
                return Ok(Outcome::Gone);
            };
            if uid.is_some_and(|uid| machine.uid().as_deref() != Some(uid)) {
                return Ok(Outcome::Gone);
            }
            let old = machine.status.clone().unwrap_or_default();
            let mut new = old.clone();
            change(&machine, &mut new);
            let difference = match (serde_json::to_value(&old), serde_json::to_value(&new)) {
                (Ok(old), Ok(new)) => difference(&old, &new),
                // Statuses are plain data; should one not serialize, nothing sensible can be sent.
                _ => None,
            };
            let Some(status) = difference else { return Ok(Outcome::Unchanged) };
            if term.is_some_and(|term| !term.is_valid()) {
                return Err(StatusError::NotLeader { machine: name.to_owned() });
            }
            let patch = json!({
                "apiVersion": API_VERSION,
                "kind": "Machine",
                "metadata": { "resourceVersion": machine.resource_version() },
                "status": status,
            });
            let params = PatchParams { field_manager: Some("metalman".into()), ..PatchParams::default() };
            match self.call(name, "patch", self.api.patch_status(name, &params, &Patch::Merge(&patch))).await {
                Ok(machine) => return Ok(Outcome::Written(Box::new(machine))),
                Err(StatusError::Api { source, .. }) if code(&source) == Some(409) => {
                    debug!(machine = name, attempt, "status changed meanwhile: trying again");
                    tokio::time::sleep(Duration::from_millis(10 << attempt)).await;
                }
                Err(StatusError::Api { source, .. }) if code(&source) == Some(404) => return Ok(Outcome::Gone),
                Err(error) => return Err(error),
            }
        }
        Err(StatusError::Conflict { machine: name.to_owned() })
    }

    async fn call<T>(
        &self,
        machine: &str,
        operation: &'static str,
        request: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, StatusError> {
        match tokio::time::timeout(PATIENCE, request).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(source)) => {
                self.metrics.api_error("status", &source);
                Err(StatusError::Api { machine: machine.to_owned(), operation, source: Box::new(source) })
            }
            Err(_) => Err(StatusError::Timeout { machine: machine.to_owned(), operation }),
        }
    }
}

fn code(error: &kube::Error) -> Option<u16> {
    match error {
        kube::Error::Api(status) => Some(status.code),
        _ => None,
    }
}

/// The JSON merge patch (RFC 7396) that turns one value into the other; none if they are equal.
pub(crate) fn difference(old: &Value, new: &Value) -> Option<Value> {
    if old == new {
        return None;
    }
    let (Value::Object(old), Value::Object(new)) = (old, new) else { return Some(new.clone()) };
    let mut patch = Map::new();
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    for (key, value) in new {
        match old.get(key) {
            None => {
                patch.insert(key.clone(), value.clone());
            }
            Some(before) => {
                if let Some(inner) = difference(before, value) {
                    patch.insert(key.clone(), inner);
                }
            }
        }
    }
    Some(Value::Object(patch))
}

#[cfg(test)]
mod tests;
