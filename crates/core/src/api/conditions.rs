//! The conditions of a Machine: their types, their reasons, and how a set of them changes.
//!
//! Invariants:
//! - types and reasons are a public contract (`kubectl wait --for=condition=…`, dashboards);
//! - `lastTransitionTime` moves only when `status` changes (Kubernetes API conventions), and is an argument: no clock here.

use super::schema;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The power cycle in progress; removed when the cycle completes.
pub const POWERED_OFF: &str = "PoweredOff";
/// False once the BMC refused a boot order override in a settled power state; absent otherwise.
pub const BOOT_ORDER_CONFIG_SUPPORTED: &str = "BootOrderConfigSupported";
/// The last repave: pending, succeeded, timed out or exhausted.
pub const REPAVED: &str = "Repaved";
/// cloud-init on the installed host.
pub const CLOUD_INIT_DONE: &str = "CloudInitDone";
/// Whether the netboot image is pulled and verified.
pub const IMAGE_READY: &str = "ImageReady";
/// Whether the leases are served, and what looks wrong about them.
pub const LEASES_VALID: &str = "LeasesValid";
/// Whether the BMC answers.
pub const BMC_REACHABLE: &str = "BMCReachable";
/// How the Machine proved its identity, or why it was refused.
pub const ATTESTED: &str = "Attested";

/// Reasons, grouped by the condition that carries them.
pub mod reason {
    /// `PoweredOff` False: power is being cut.
    pub const POWERING_OFF: &str = "PoweringOff";
    /// `PoweredOff` True: power is cut.
    pub const FORCE_OFF: &str = "ForceOff";
    /// `PoweredOff` True: power is coming back.
    pub const POWERING_ON: &str = "PoweringOn";

    /// `BootOrderConfigSupported` False.
    pub const NOT_SUPPORTED: &str = "NotSupported";

    /// `Repaved` False: the installer is awaited. The message is `image=<reference>`.
    pub const PENDING: &str = "Pending";
    /// `Repaved` or `CloudInitDone` True.
    pub const SUCCEEDED: &str = "Succeeded";
    /// `Repaved` False: the installer did not report in time. `CloudInitDone` Unknown: no event for five minutes.
    pub const TIMED_OUT: &str = "TimedOut";
    /// `Repaved` False: every attempt failed.
    pub const EXHAUSTED: &str = "Exhausted";

    /// `CloudInitDone` False: it runs.
    pub const RUNNING: &str = "Running";
    /// `CloudInitDone` False: it failed; stage and result are in the message.
    pub const FAILED: &str = "Failed";

    /// `ImageReady` True; the digest is in the message.
    pub const PULLED: &str = "Pulled";
    /// `ImageReady` False: being pulled.
    pub const PULLING: &str = "Pulling";
    /// `ImageReady` False; the registry's own error is in the message.
    pub const PULL_FAILED: &str = "PullFailed";

    /// `LeasesValid` True: nothing to remark.
    pub const VALID: &str = "Valid";
    /// `LeasesValid` True: served, but something looks wrong.
    pub const WARNING: &str = "Warning";
    /// `LeasesValid` False: an older Machine holds the MAC or the address.
    pub const DUPLICATE: &str = "Duplicate";
    /// `LeasesValid` False: a lease does not parse. Only a Machine stored past this schema can have one.
    pub const INVALID: &str = "Invalid";

    /// `BMCReachable` True.
    pub const REACHABLE: &str = "Reachable";
    /// `BMCReachable` False: its name does not resolve.
    pub const DNS: &str = "DNSError";
    /// `BMCReachable` False: no TCP connection.
    pub const TCP: &str = "TCPError";
    /// `BMCReachable` False: its certificate is not the pinned one.
    pub const TLS_PIN_MISMATCH: &str = "TLSPinMismatch";
    /// `BMCReachable` False: no TLS session for another reason.
    pub const TLS: &str = "TLSError";
    /// `BMCReachable` False: it refused the credentials, or the Secret cannot be read.
    pub const CREDENTIALS: &str = "CredentialsRefused";
    /// `BMCReachable` False: it answered with a Redfish error.
    pub const REDFISH: &str = "RedfishError";

    /// `Attested` True: the key was seen first, and pinned.
    pub const PINNED: &str = "Pinned";
    /// `Attested` True: the key is the pinned one.
    pub const MATCHED: &str = "Matched";
    /// `Attested` True: the key's certificate chains to the bundle.
    pub const CERTIFICATE_VERIFIED: &str = "CertificateVerified";
    /// `Attested` False: another key is pinned.
    pub const EK_MISMATCH: &str = "EKMismatch";
    /// `Attested` False: the policy asks for more than was shown.
    pub const POLICY_REFUSED: &str = "PolicyRefused";
}

/// The truth of a condition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// Nobody can tell; also what an unknown word is read as.
    #[default]
    #[serde(other)]
    Unknown,
}

impl ConditionStatus {
    /// The word stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// One observation about the Machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(extend("required" = ["type", "status"]))]
pub struct Condition {
    /// Type of the condition, for example Repaved.
    #[serde(rename = "type")]
    #[schemars(schema_with = "schema::words")]
    pub type_: String,
    /// True, False or Unknown.
    #[schemars(schema_with = "schema::condition_status")]
    pub status: ConditionStatus,
    /// Why, in one word for programs.
    #[schemars(schema_with = "schema::words")]
    pub reason: String,
    /// Why, in a sentence for people.
    #[schemars(schema_with = "schema::words")]
    pub message: String,
    /// When status last changed (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::date_time")]
    pub last_transition_time: Option<Time>,
    /// metadata.generation of the Machine that this was observed for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::counter")]
    pub observed_generation: Option<i64>,
}

impl Condition {
    /// Whether it says that already, and of that generation.
    pub fn says(&self, observation: &Observation, generation: Option<i64>) -> bool {
        self.type_ == observation.type_
            && self.status == observation.status
            && self.reason == observation.reason
            && self.message == observation.message
            && self.observed_generation == generation
    }
}

/// What a condition is to say; the time of its last transition follows from what it said before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// One of this module's type constants.
    pub type_: &'static str,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// One of [`reason`]'s constants.
    pub reason: &'static str,
    /// A sentence for people.
    pub message: String,
}

impl Observation {
    /// An observation in the words of the contract.
    pub fn new(
        type_: &'static str,
        status: ConditionStatus,
        reason: &'static str,
        message: impl Into<String>,
    ) -> Observation {
        Observation { type_, status, reason, message: message.into() }
    }
}

/// The condition of that type.
pub fn find<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}

/// Whether the condition of that type is True.
pub fn is_true(conditions: &[Condition], type_: &str) -> bool {
    find(conditions, type_).is_some_and(|condition| condition.status == ConditionStatus::True)
}

/// Records an observation made at `now` about `generation`. Says whether anything changed, so that a writer can leave an
/// unchanged status alone; a newer generation alone is a change.
pub fn set(
    conditions: &mut Vec<Condition>,
    observation: &Observation,
    generation: Option<i64>,
    now: Timestamp,
) -> bool {
    let Some(current) = conditions.iter_mut().find(|condition| condition.type_ == observation.type_) else {
        conditions.push(Condition {
            type_: observation.type_.to_owned(),
            status: observation.status,
            reason: observation.reason.to_owned(),
            message: observation.message.clone(),
            last_transition_time: Some(Time(whole_seconds(now))),
            observed_generation: generation,
        });
        return true;
    };
    let moved = current.status != observation.status;
    let changed = !current.says(observation, generation);
    if changed {
        current.status = observation.status;
        observation.reason.clone_into(&mut current.reason);
        current.message.clone_from(&observation.message);
        current.observed_generation = generation;
    }
    if moved || current.last_transition_time.is_none() {
        current.last_transition_time = Some(Time(whole_seconds(now)));
        return true;
    }
    changed
}

/// Removes the condition of that type. Says whether there was one.
pub fn remove(conditions: &mut Vec<Condition>, type_: &str) -> bool {
    let before = conditions.len();
    conditions.retain(|condition| condition.type_ != type_);
    conditions.len() != before
}

/// Records what was observed about that type, or that there is nothing to observe: then the condition goes. Says whether
/// anything changed.
pub fn put(
    conditions: &mut Vec<Condition>,
    type_: &str,
    observation: Option<&Observation>,
    generation: Option<i64>,
    now: Timestamp,
) -> bool {
    match observation {
        Some(observation) => set(conditions, observation, generation, now),
        None => remove(conditions, type_),
    }
}

/// Whether that is recorded already: [`put`] would change nothing that a reader goes by.
pub fn tell(conditions: &[Condition], type_: &str, observation: Option<&Observation>, generation: Option<i64>) -> bool {
    match (find(conditions, type_), observation) {
        (None, None) => true,
        (Some(current), Some(observation)) => current.says(observation, generation),
        _ => false,
    }
}

/// Kubernetes stores `metav1.Time` in whole seconds; cutting here keeps what was written equal to what is read back.
fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

#[cfg(test)]
mod tests;
