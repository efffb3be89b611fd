//! What is wrong, or looks wrong, with an image, before a machine finds out.
//!
//! Pure over a [`Content`]. Invariant: an error is something with which some machine certainly does not boot, or metalman
//! refuses the image; everything that may be meant is a warning.

mod boot_files;
mod files;
mod metadata;
mod sample;
mod templates;

use std::fmt;

use metalman_core::netboot::{DISK, METADATA, Metadata};
use serde::Serialize;

use super::content::Content;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Some machine does not boot with it.
    Error,
    /// It may be meant.
    Warning,
}

/// Something that was found. Display is `path:line:column: severity: message`, as compilers do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// The file in the image, `disk/…`.
    pub path: String,
    /// The line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The column in bytes, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// How bad it is.
    pub severity: Severity,
    /// What it is, and what to do.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        for place in [self.line, self.column].into_iter().flatten() {
            write!(f, ":{place}")?;
        }
        let severity = if self.severity == Severity::Error { "error" } else { "warning" };
        write!(f, ": {severity}: {}", self.message)
    }
}

impl Finding {
    fn new(severity: Severity, path: &str, message: impl Into<String>) -> Self {
        Self { path: format!("{DISK}/{path}"), line: None, column: None, severity, message: message.into() }
    }

    fn error(path: &str, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, path, message)
    }

    fn warning(path: &str, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, path, message)
    }

    fn at(mut self, place: Option<(usize, Option<usize>)>) -> Self {
        self.line = place.map(|(line, _)| line);
        self.column = place.and_then(|(_, column)| column);
        self
    }
}

/// Everything that was found, by path and line.
pub fn lint(content: &Content) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some((text, metadata)) = metadata::check(content, &mut findings) {
        boot_files::check(content, &text, &metadata, &mut findings);
    }
    templates::check(content, &mut findings);
    files::check(content, &mut findings);
    findings.sort();
    findings.dedup();
    findings
}

/// What `metadata.yaml` says, if it can be read.
pub fn read_metadata(content: &Content) -> Option<Metadata> {
    Metadata::parse(str::from_utf8(content.whole(METADATA)?).ok()?).ok()
}

/// The path of another case, if that is all that differs.
fn other_case<'a>(content: &'a Content, path: &str) -> Option<&'a str> {
    content.files.keys().find(|known| known.eq_ignore_ascii_case(path)).map(String::as_str)
}

#[cfg(test)]
mod tests;
