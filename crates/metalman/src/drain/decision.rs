//! Which pods have to go, what a Node is patched to, and what is told of a pass. Pure.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::{ResourceExt, core::Status};
use metalman_core::api::labels::CORDONED;
use serde_json::{Value, json};

/// The value of the annotation on a Node that metalman cordoned.
const METALMAN: &str = "metalman";
/// On the copy of a static pod: the kubelet runs it from a file, and the API server cannot end it.
const MIRROR: &str = "kubernetes.io/config.mirror";
/// Past its grace period a pod gets this much more before it counts as stuck: kubelets report late, and clocks differ.
const LATE: SignedDuration = SignedDuration::from_secs(10);
/// Pods named for one reason; the others are counted.
const NAMED: usize = 3;
/// Reasons given; there are rarely more.
const REASONS: usize = 4;

/// What a pass left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pass {
    /// Pods that still run there and have to go. None left: the Node is drained.
    pub left: usize,
    /// What holds them, in words for an operator that stay the same while nothing changes. Empty when none is left.
    pub why: String,
}

/// What is to become of a pod of the Node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// It runs nothing any more, or belongs to the Node and would only come back: its end is no loss.
    Stays,
    /// It was asked to end before.
    Held(Hold),
    /// It is to be asked.
    Evicted,
}

/// What keeps a pod. The order is that in which an operator wants to read it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hold {
    /// Its eviction was refused, in these words.
    Refused(String),
    /// Nobody knows.
    Unanswered(String),
    /// It should have ended by now: its kubelet may be gone.
    Stuck,
    /// It ends.
    Ending,
}

impl Hold {
    fn words(&self) -> String {
        match self {
            Self::Refused(words) => words.clone(),
            Self::Unanswered(words) => format!("eviction not confirmed: {words}"),
            Self::Stuck => "past its grace period and still there: is its kubelet alive?".to_owned(),
            Self::Ending => "ending".to_owned(),
        }
    }
}

/// A pod that is still there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Held {
    hold: Hold,
    /// `namespace/name`.
    pod: String,
}

impl Held {
    pub(super) fn new(pod: &Pod, hold: Hold) -> Self {
        Self { hold, pod: format!("{}/{}", pod.namespace().unwrap_or_default(), pod.name_any()) }
    }
}

pub(super) fn fate(pod: &Pod, now: Timestamp) -> Fate {
    let phase = pod.status.as_ref().and_then(|s| s.phase.as_deref());
    let daemon = pod.owner_references().iter().any(|o| o.controller == Some(true) && o.kind == "DaemonSet");
    if daemon || pod.annotations().contains_key(MIRROR) || matches!(phase, Some("Succeeded" | "Failed")) {
        return Fate::Stays;
    }
    // The deletion's time is the end of the grace period.
    match &pod.metadata.deletion_timestamp {
        Some(end) if now.duration_since(end.0) > LATE => Fate::Held(Hold::Stuck),
        Some(_) => Fate::Held(Hold::Ending),
        None => Fate::Evicted,
    }
}

/// What a refused eviction means. None: the pod is gone.
pub(super) fn refused(status: &Status) -> Option<Hold> {
    match status.code {
        404 => None,
        // Its UID is another's: the next pass looks again. Something else wrote it: the same.
        409 => Some(Hold::Unanswered("it changed meanwhile".into())),
        // 429 where a budget refuses, 500 where two overlap, 403 where the namespace ends: all say why.
        _ => Some(Hold::Refused(words(status))),
    }
}

/// The words of the budget, which names itself; otherwise those of the API server.
fn words(status: &Status) -> String {
    let causes = status.details.as_ref().map_or(&[][..], |d| d.causes.as_slice());
    let budget = causes.iter().find(|c| c.reason == "DisruptionBudget" && !c.message.is_empty());
    budget.map_or(&status.message, |c| &c.message).trim().to_owned()
}

/// What is told of the pods that are still there.
pub(super) fn report(mut held: Vec<Held>) -> Pass {
    held.sort();
    let mut reasons: BTreeMap<&Hold, Vec<&str>> = BTreeMap::new();
    for one in &held {
        reasons.entry(&one.hold).or_default().push(&one.pod);
    }
    let mut parts: Vec<String> = reasons.iter().take(REASONS).map(|(hold, pods)| part(hold, pods)).collect();
    let silent: usize = reasons.values().skip(REASONS).map(Vec::len).sum();
    if silent > 0 {
        parts.push(format!("{silent} more for other reasons"));
    }
    Pass { left: held.len(), why: parts.join("; ") }
}

fn part(hold: &Hold, pods: &[&str]) -> String {
    let named = pods.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    let more = match pods.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{named}{more}: {}", hold.words())
}

fn is_unschedulable(node: &Node) -> bool {
    node.spec.as_ref().and_then(|spec| spec.unschedulable).unwrap_or(false)
}

/// Makes the Node unschedulable, as metalman's doing. None: it is, whoever did it.
pub(super) fn cordon(node: &Node) -> Option<Value> {
    (!is_unschedulable(node))
        .then(|| json!({ "metadata": { "annotations": { CORDONED: METALMAN } }, "spec": { "unschedulable": true } }))
}

/// Takes back a cordon of metalman's. None: there is none.
pub(super) fn take_back(node: &Node) -> Option<Value> {
    (node.annotations().get(CORDONED).map(String::as_str) == Some(METALMAN))
        .then(|| json!({ "metadata": { "annotations": { CORDONED: null } }, "spec": { "unschedulable": null } }))
}
