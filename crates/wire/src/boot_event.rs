//! `POST /boot/event`: what an installer or an agent tells of how far it is.
//!
//! A JSON object: `{"step": "ImageWriting", "percent": 40, "message": "/dev/nvme0n1"}`. Only `step` is required; fields that
//! are not known here are left to versions that know them.
//!
//! Invariant: an event that was parsed is one that was meant: a step that nobody knows, or a percentage beyond 100, is an
//! error, and says what would be right.

use serde::{Deserialize, Serialize};

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootEvent {
    /// How far it is.
    pub step: BootStep,
    /// How much of the step is done, 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// Details for people: the disk, the error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What a machine can tell of its boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum BootStep {
    /// The installer runs.
    InstallerStarted,
    /// The disk image is being written, `percent` of it so far.
    ImageWriting,
    /// The installer restarts the machine.
    Rebooting,
    /// The installed system runs, started from the disk.
    Rebooted,
    /// The installer cannot go on; the message says why.
    Failed,
}

/// Why something is no event.
#[derive(Debug, thiserror::Error)]
pub enum BootEventError {
    /// No JSON, or not of this shape.
    #[error("not a boot event: {0}")]
    Shape(#[from] serde_json::Error),
    /// More than everything.
    #[error("not a boot event: percent is {percent}; it goes from 0 to 100")]
    Percent {
        /// As it was sent.
        percent: u8,
    },
}

impl BootEvent {
    /// Reads an event.
    pub fn parse(json: &[u8]) -> Result<Self, BootEventError> {
        let event: Self = serde_json::from_slice(json)?;
        match event.percent {
            Some(percent @ 101..) => Err(BootEventError::Percent { percent }),
            _ => Ok(event),
        }
    }
}

#[cfg(test)]
mod tests;
