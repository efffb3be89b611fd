//! Moves what runs on a Node elsewhere before its Machine loses power, and lets it take pods again.
//!
//! Invariants:
//! - a [`pass`] is harmless at any time and as often as one likes: what it asks for twice is the same as once;
//! - a cordon of the operator's stays the operator's: only one that metalman's annotation is on is taken back;
//! - pods end by eviction, never by deletion, and only the very pod that was seen on this Node;
//! - nothing here waits for pods to end, and no request or pass lasts longer than its patience. Who asks decides how long to go
//!   on asking.
//!
//! What is decided is in [`decision`]: which pods, what to patch, what to tell.

mod decision;

use std::time::Duration;

use futures::{StreamExt, stream};
use jiff::Timestamp;
use k8s_openapi::{
    api::{
        core::v1::{Node, Pod},
        policy::v1::Eviction,
    },
    apimachinery::pkg::apis::meta::v1::{DeleteOptions, ObjectMeta, Preconditions},
};
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, Patch, PatchParams, PostParams},
    core::Status,
};
use metalman_core::lifecycle::Outcome;
use serde_json::Value;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::{debug, info};

pub use self::decision::Pass;
use self::decision::{Fate, Held, Hold, cordon, fate, report, take_back};
use crate::explain::explain;

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// Tries before a conflict on a Node is given back: kubelets write there too.
const TRIES: u32 = 5;
/// Evictions asked for at the same time.
const AT_ONCE: usize = 8;

/// How to drain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How long each pod may take to end. None: as long as it says itself.
    pub grace: Option<Duration>,
    /// How long one pass may take. What was not asked to go by then counts as left.
    pub patience: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { grace: None, patience: Duration::from_mins(1) }
    }
}

/// Why a pass did not come to the pods, or an uncordon not to its end. Each can be tried again.
#[derive(Debug, thiserror::Error)]
pub enum DrainError {
    /// The API server said no, or nothing.
    #[error("Node {node}: cannot {operation}")]
    Api {
        /// The Node.
        node: String,
        /// `read the Node`, `cordon it` …
        operation: &'static str,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
    /// No answer.
    #[error("Node {node}: no answer within {PATIENCE:?} to the request to {operation}")]
    Timeout {
        /// The Node.
        node: String,
        /// The same.
        operation: &'static str,
    },
    /// Others write too much.
    #[error("Node {node}: still in conflict after {TRIES} tries to {operation}")]
    Conflict {
        /// The Node.
        node: String,
        /// The same.
        operation: &'static str,
    },
}

impl From<Pass> for Outcome {
    fn from(pass: Pass) -> Self {
        if pass.left == 0 { Self::Done } else { Self::Draining { left: pass.left, why: pass.why } }
    }
}

impl From<DrainError> for Outcome {
    fn from(error: DrainError) -> Self {
        let message = explain(&error);
        match &error {
            // The request itself is at fault, not the moment: 403 without the Role that ships, above all.
            DrainError::Api { source, .. } if matches!(code(source), Some(400..=428)) => Self::Refused { message },
            _ => Self::Lost { message },
        }
    }
}

/// One pass: cordons the Node and asks for the end of the pods that run there. A Node that is not there is drained.
///
/// `client` must take 429 for an answer ([`crate::client::Connection::once`]): budgets refuse with it.
pub async fn pass(client: &Client, node: &str, settings: &Settings) -> Result<Pass, DrainError> {
    let until = Instant::now() + settings.patience;
    if !change_node(client, node, "cordon it", cordon).await? {
        return Ok(Pass::default());
    }
    let pods: Api<Pod> = Api::all(client.clone());
    let here = ListParams::default().fields(&format!("spec.nodeName={node}"));
    let pods = call(node, "list its pods", pods.list(&here)).await?.items;

    let now = Timestamp::now();
    let mut held = Vec::new();
    let mut evicted = Vec::new();
    for pod in pods {
        match fate(&pod, now) {
            Fate::Stays => {}
            Fate::Held(hold) => held.push(Held::new(&pod, hold)),
            Fate::Evicted => evicted.push(pod),
        }
    }
    let asked = evicted.iter().map(|pod| async {
        let hold = match timeout_at(until, evict(client, pod, settings.grace)).await {
            Ok(hold) => hold,
            Err(_) => Some(Hold::Unanswered("the pass was over before the API server answered".into())),
        };
        hold.map(|hold| Held::new(pod, hold))
    });
    // As a list: a closure that lives on while others are awaited would keep callers from running this in a task.
    let asked: Vec<_> = asked.collect();
    held.extend(stream::iter(asked).buffer_unordered(AT_ONCE).collect::<Vec<_>>().await.into_iter().flatten());
    let pass = report(held);
    info!(node, left = pass.left, why = pass.why, "a pass of draining is over");
    Ok(pass)
}

/// Lets the Node take pods again, if it was metalman that kept it from that. Done, too, when the Node is not there.
pub async fn uncordon(client: &Client, node: &str) -> Result<(), DrainError> {
    change_node(client, node, "uncordon it", take_back).await.map(drop)
}

/// Patches the Node as `decide` wants it, in view of the state that it is in: an operator's cordon may come in between. Says
/// whether there is such a Node.
async fn change_node(
    client: &Client,
    node: &str,
    operation: &'static str,
    decide: impl Fn(&Node) -> Option<Value>,
) -> Result<bool, DrainError> {
    let nodes: Api<Node> = Api::all(client.clone());
    let params = PatchParams { field_manager: Some("metalman".into()), ..PatchParams::default() };
    for attempt in 0..TRIES {
        let Some(found) = call(node, "read it", nodes.get_opt(node)).await? else { return Ok(false) };
        let Some(mut patch) = decide(&found) else { return Ok(true) };
        patch["metadata"]["resourceVersion"] = found.resource_version().into();
        match call(node, operation, nodes.patch_metadata(node, &params, &Patch::Merge(&patch))).await {
            Ok(_) => {
                info!(node, operation, "the Node was changed");
                return Ok(true);
            }
            Err(DrainError::Api { source, .. }) if code(&source) == Some(404) => return Ok(false),
            Err(DrainError::Api { source, .. }) if code(&source) == Some(409) => {
                debug!(node, attempt, "the Node changed meanwhile: trying again");
                tokio::time::sleep(Duration::from_millis(10 << attempt)).await;
            }
            Err(error) => return Err(error),
        }
    }
    Err(DrainError::Conflict { node: node.to_owned(), operation })
}

/// Asks for the end of one pod. None: it is gone.
async fn evict(client: &Client, pod: &Pod, grace: Option<Duration>) -> Option<Hold> {
    let (namespace, name) = (pod.namespace().unwrap_or_default(), pod.name_any());
    let pods: Api<Pod> = Api::namespaced(client.clone(), &namespace);
    let eviction = Eviction {
        delete_options: Some(DeleteOptions {
            grace_period_seconds: grace.map(|g| i64::try_from(g.as_secs()).unwrap_or(i64::MAX)),
            // Its successor of the same name may run elsewhere by now.
            preconditions: Some(Preconditions { uid: pod.uid(), resource_version: None }),
            ..DeleteOptions::default()
        }),
        metadata: ObjectMeta { name: Some(name.clone()), namespace: Some(namespace), ..ObjectMeta::default() },
    };
    let params = PostParams::default();
    let asked = pods.create_subresource::<_, Status>("eviction", &name, &params, &eviction);
    match timeout(PATIENCE, asked).await {
        Ok(Ok(_)) => Some(Hold::Ending),
        Ok(Err(kube::Error::Api(status))) => decision::refused(&status),
        Ok(Err(error)) => Some(Hold::Unanswered(explain(&error))),
        Err(_) => Some(Hold::Unanswered(format!("no answer within {PATIENCE:?}"))),
    }
}

async fn call<T>(
    node: &str,
    operation: &'static str,
    request: impl Future<Output = kube::Result<T>>,
) -> Result<T, DrainError> {
    match timeout(PATIENCE, request).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(source)) => Err(DrainError::Api { node: node.to_owned(), operation, source: Box::new(source) }),
        Err(_) => Err(DrainError::Timeout { node: node.to_owned(), operation }),
    }
}

fn code(error: &kube::Error) -> Option<u16> {
    match error {
        kube::Error::Api(status) => Some(status.code),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
