//! Names of files, as requests and images spell them.

use thiserror::Error;

/// Longest path taken: what Linux allows.
const LONGEST: usize = 4096;

/// A path that names no file of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PathError {
    /// It leads out of the image.
    #[error("the path leads out of the image")]
    Escapes,
    /// It has a byte that no file name has.
    #[error("the path has a control character")]
    Control,
    /// Nothing is left of it.
    #[error("the path is empty")]
    Empty,
    /// Longer than any file system allows.
    #[error("the path is longer than {LONGEST} bytes")]
    TooLong,
}

/// The path below `disk/` that a request means. Firmware writes backslashes, leading and doubled slashes, and `.`; `..` is
/// refused even where it would stay inside, as no honest client needs it.
pub fn normalise(path: &str) -> Result<String, PathError> {
    if path.len() > LONGEST {
        return Err(PathError::TooLong);
    }
    if path.chars().any(char::is_control) {
        return Err(PathError::Control);
    }
    let mut parts = Vec::new();
    for part in path.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => return Err(PathError::Escapes),
            part => parts.push(part),
        }
    }
    if parts.is_empty() { Err(PathError::Empty) } else { Ok(parts.join("/")) }
}
