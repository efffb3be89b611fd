//! What can go wrong, in Go's words.
//!
//! Invariant: `Display` is byte for byte what Go's `text/template` says, as long as the template is valid UTF-8.

use std::fmt;

/// A template that does not parse or that fails while it is executed.
///
/// ```
/// use gotemplate::{ErrorKind, Template};
/// let error = Template::new("grub.cfg", "line 1\n{{if .x}}").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Parse);
/// assert_eq!(error.line(), 2);
/// assert_eq!(error.to_string(), "template: grub.cfg:2: unexpected EOF");
/// ```
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    /// The name given to the text where the error is.
    name: String,
    line: usize,
    column: Option<usize>,
    /// The template that was being executed and the text of the action, for errors of execution.
    at: Option<(String, String)>,
    reason: String,
    source: Option<std::io::Error>,
}

/// What kind of error.
///
/// ```
/// use gotemplate::{ErrorKind, Template, Value};
/// let error = Template::new("t", "{{index .}}{{len 3}}")?.render(&Value::Int(1)).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Exec);
/// # Ok::<(), gotemplate::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The text is not a template.
    Parse,
    /// The template failed with this data.
    Exec,
    /// The template needs more than the [`Limits`](crate::Limits) allow.
    Limit,
    /// The output could not be written.
    Write,
}

impl Error {
    pub(crate) fn parse(name: String, line: usize, reason: String) -> Self {
        Self(Box::new(Inner { kind: ErrorKind::Parse, name, line, column: None, at: None, reason, source: None }))
    }

    pub(crate) fn exec(
        kind: ErrorKind,
        (name, line, column): (String, usize, usize),
        at: (String, String),
        reason: String,
    ) -> Self {
        Self(Box::new(Inner { kind, name, line, column: Some(column), at: Some(at), reason, source: None }))
    }

    /// An error that has no place in a template's text.
    pub(crate) fn unplaced(kind: ErrorKind, name: String, reason: String) -> Self {
        Self(Box::new(Inner { kind, name, line: 0, column: None, at: None, reason, source: None }))
    }

    /// An error about no template of a name.
    pub(crate) fn nameless(kind: ErrorKind, reason: String) -> Self {
        Self::unplaced(kind, String::new(), reason)
    }

    pub(crate) fn write(error: std::io::Error) -> Self {
        let reason = error.to_string();
        let inner = Inner {
            kind: ErrorKind::Write,
            name: String::new(),
            line: 0,
            column: None,
            at: None,
            reason,
            source: Some(error),
        };
        Self(Box::new(inner))
    }

    pub(crate) fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    /// What kind of error this is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The name of the text that the error is in.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The line, from 1; 0 if the error is about no place in the text.
    pub fn line(&self) -> usize {
        self.0.line
    }

    /// The column in bytes, from 0 as Go counts; parse errors have none.
    pub fn column(&self) -> Option<usize> {
        self.0.column
    }

    /// The name of the template being executed, which may be one defined inside of the text.
    pub fn executing(&self) -> Option<&str> {
        self.0.at.as_ref().map(|(name, _)| name.as_str())
    }

    /// The part of the action that failed, as Go prints it between `<` and `>`.
    pub fn context(&self) -> Option<&str> {
        self.0.at.as_ref().map(|(_, context)| context.as_str())
    }

    /// The reason alone.
    pub fn reason(&self) -> &str {
        &self.0.reason
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let e = &*self.0;
        if e.kind == ErrorKind::Write {
            return f.write_str(&e.reason);
        }
        f.write_str("template: ")?;
        if e.name.is_empty() && e.line == 0 {
            return f.write_str(&e.reason);
        }
        f.write_str(&e.name)?;
        if e.line > 0 {
            write!(f, ":{}", e.line)?;
        }
        if let Some(column) = e.column {
            write!(f, ":{column}")?;
        }
        if let Some((name, context)) = &e.at {
            write!(f, ": executing {} at <{context}>", crate::gofmt::quote(name.as_bytes()))?;
        }
        write!(f, ": {}", e.reason)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|e| e as _)
    }
}
