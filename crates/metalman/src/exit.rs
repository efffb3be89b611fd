//! Exit codes: part of the interface, as scripts decide by them.

use std::process::ExitCode;

use crate::config::ConfigError;

/// Done; of a server: stopped as asked.
pub const OK: u8 = 0;
/// Failed, as the message says.
pub const FAILURE: u8 = 1;
/// Wrong usage or configuration: nothing was begun.
pub const USAGE: u8 = 2;
/// What was waited for did not happen in time. It goes on.
pub const TIMEOUT: u8 = 3;
/// Interrupted while waiting, as shells number SIGINT. What was waited for goes on.
pub const INTERRUPTED: u8 = 130;

/// The code that an error ends the process with.
pub fn code(error: &anyhow::Error) -> ExitCode {
    if let Some(unfinished) = error.chain().find_map(|e| e.downcast_ref::<Unfinished>()) {
        return ExitCode::from(match unfinished {
            Unfinished::Timeout(_) => TIMEOUT,
            Unfinished::Interrupted(_) => INTERRUPTED,
        });
    }
    let usage = error.chain().any(|e| e.is::<ConfigError>() || e.is::<UsageError>());
    ExitCode::from(if usage { USAGE } else { FAILURE })
}

/// Waiting ended before what was waited for.
#[derive(Debug, thiserror::Error)]
pub enum Unfinished {
    /// The time given ran out.
    #[error("{0}")]
    Timeout(String),
    /// By Ctrl-C.
    #[error("{0}")]
    Interrupted(String),
}

/// An argument that turned out wrong after the command line was parsed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);
