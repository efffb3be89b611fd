//! Exit codes: part of the interface, as scripts decide by them.

use std::process::ExitCode;

use crate::config::ConfigError;

/// Done; of a server: stopped as asked.
pub const OK: u8 = 0;
/// Failed, as the message says.
pub const FAILURE: u8 = 1;
/// Wrong usage or configuration: nothing was begun.
pub const USAGE: u8 = 2;

/// The code that an error ends the process with.
pub fn code(error: &anyhow::Error) -> ExitCode {
    let usage = error.chain().any(|e| e.is::<ConfigError>() || e.is::<UsageError>());
    ExitCode::from(if usage { USAGE } else { FAILURE })
}

/// An argument that turned out wrong after the command line was parsed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);
