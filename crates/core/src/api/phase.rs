//! The phase of a Machine: one word for the table, derived from conditions and counters, never an input to a decision.

use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// Where a Machine is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Phase {
    /// Registered; nothing was asked yet, or its netboot image is not ready.
    Pending,
    /// A repave is pending, or the installer runs.
    Provisioning,
    /// A reboot without repave is in progress.
    Rebooting,
    /// Installed; its Node is not there yet.
    Joining,
    /// Its Node exists and is Ready, with a heartbeat after the last repave.
    Ready,
    /// Attempts exhausted, cloud-init failed, or attestation refused. A higher counter arms it again.
    Failed,
}

impl Phase {
    /// Every phase, in the order of a Machine's life.
    pub const ALL: [Phase; 6] =
        [Phase::Pending, Phase::Provisioning, Phase::Rebooting, Phase::Joining, Phase::Ready, Phase::Failed];

    /// The word stored in `status.phase`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Phase::Pending => "Pending",
            Phase::Provisioning => "Provisioning",
            Phase::Rebooting => "Rebooting",
            Phase::Joining => "Joining",
            Phase::Ready => "Ready",
            Phase::Failed => "Failed",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Decodes a phase, taking one that this version does not know (another writer's, a newer metalman's) as none: a word in
/// one Machine's status must not hide all Machines from a watch.
pub(super) fn lenient<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Phase>, D::Error> {
    let word = Option::<String>::deserialize(deserializer)?;
    Ok(word.and_then(|word| Phase::ALL.into_iter().find(|phase| phase.as_str() == word)))
}
