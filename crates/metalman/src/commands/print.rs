//! Standard output and standard error.

use std::io::{ErrorKind, Write};

use anyhow::Context;
use serde::Serialize;

use crate::explain::explain;

/// Writes a result.
pub(super) fn text(text: &str) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.context("standard output cannot be written"),
    }
}

/// Writes a result for programs: YAML, or else JSON.
pub(super) fn value(value: &impl Serialize, yaml: bool) -> anyhow::Result<()> {
    if yaml {
        text(&serde_saphyr::to_string(value).context("the result cannot be written as YAML")?)
    } else {
        text(&(serde_json::to_string_pretty(value)? + "\n"))
    }
}

/// Tells a failure: each cause once, the API server in its own words.
pub(super) fn error(error: &anyhow::Error) {
    let _ = writeln!(anstream::stderr().lock(), "error: {}", explain(error.as_ref()));
}
