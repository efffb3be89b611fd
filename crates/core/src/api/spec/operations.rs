//! The counters that ask for a reboot or a repave, and how patiently.
//!
//! Invariant: an operation is wanted exactly while its spec counter exceeds its status counter. Lowering a spec counter
//! (re-applying a manifest from git does) therefore never starts anything.

use crate::api::schema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Operations on the Machine. Raising a counter above the one in status asks for that operation, once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct OperationsSpec {
    /// A reboot is wanted while this exceeds status.operations.rebootCounter. Default: 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::counter")]
    pub reboot_counter: Option<i64>,
    /// A repave (reinstallation) is wanted while this exceeds status.operations.repaveCounter; raise rebootCounter with
    /// it, as kubectl metalman machine repave does. Default: 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::counter")]
    pub repave_counter: Option<i64>,
    /// Seconds until a repave that did not report back counts as a failed attempt, 60 to 604800. Default: 1800.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::repave_timeout")]
    pub repave_timeout_seconds: Option<i64>,
    /// Attempts at an operation before the Machine is Failed, 1 to 100. Default: 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::max_attempts")]
    pub max_attempts: Option<i32>,
    /// Seconds that the host's operating system gets to shut down before power is cut, 0 to 3600. Default: 0, power is
    /// cut at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::graceful_shutdown")]
    pub graceful_shutdown_seconds: Option<i64>,
}

impl OperationsSpec {
    /// [`Self::repave_timeout`] when nothing is said.
    pub const DEFAULT_REPAVE_TIMEOUT: Duration = Duration::from_mins(30);
    /// [`Self::max_attempts`] when nothing is said.
    pub const DEFAULT_MAX_ATTEMPTS: u32 = 3;

    /// How far each operation was asked for. Negative values (another schema's) count as zero.
    pub fn counters(&self) -> Counters {
        Counters::new(self.reboot_counter, self.repave_counter)
    }

    /// How long a repave may take before the attempt counts as failed.
    pub fn repave_timeout(&self) -> Duration {
        self.repave_timeout_seconds.and_then(positive).map_or(Self::DEFAULT_REPAVE_TIMEOUT, Duration::from_secs)
    }

    /// How many attempts an operation gets.
    pub fn max_attempts(&self) -> u32 {
        self.max_attempts
            .and_then(|attempts| u32::try_from(attempts).ok())
            .filter(|attempts| *attempts > 0)
            .unwrap_or(Self::DEFAULT_MAX_ATTEMPTS)
    }

    /// How long the operating system may take to shut down; zero means that power is cut at once.
    pub fn graceful_shutdown(&self) -> Duration {
        self.graceful_shutdown_seconds.and_then(positive).map_or(Duration::ZERO, Duration::from_secs)
    }
}

fn positive(value: i64) -> Option<u64> {
    u64::try_from(value).ok().filter(|value| *value > 0)
}

/// A pair of operation counters, as asked for (spec) or as done (status).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Reboots, with or without repave.
    pub reboot: i64,
    /// Repaves.
    pub repave: i64,
}

impl Counters {
    pub(crate) fn new(reboot: Option<i64>, repave: Option<i64>) -> Self {
        Self { reboot: reboot.unwrap_or(0).max(0), repave: repave.unwrap_or(0).max(0) }
    }
}
