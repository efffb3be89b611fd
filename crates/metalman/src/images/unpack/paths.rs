//! Names in layers: what they mean, and which are refused.

use metalman_core::netboot::DISK;

use super::{Limits, UnpackError};

/// What a whiteout begins with (OCI image specification, "Whiteouts").
const WHITEOUT: &str = ".wh.";
/// Hides everything that lower layers put into the folder.
const OPAQUE: &str = ".wh..wh..opq";
/// Other names that the storage driver behind the format kept for itself.
const RESERVED: &str = ".wh..wh.";

/// Where a name of a layer lies.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// At or below `disk/`, or a whiteout beside it: the parts from the image's root.
    Disk(Vec<String>),
    /// Elsewhere: not kept.
    Elsewhere,
}

/// What a name says about lower layers.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Whiteout {
    None,
    Opaque,
    Of(String),
    Reserved,
}

/// Reads a name. As container runtimes do, a leading slash means the image's root; `..` is never honest.
pub(super) fn place(name: &[u8], limits: &Limits) -> Result<Place, UnpackError> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in name.split(|b| *b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => return Err(UnpackError::Escapes { path: show(name) }),
            part => parts.push(part),
        }
    }
    let concerns = match parts[..] {
        [] => false,
        // A whiteout in the root may hide disk/ or all.
        [only] => only == DISK.as_bytes() || only.starts_with(WHITEOUT.as_bytes()),
        [first, ..] => first == DISK.as_bytes(),
    };
    if !concerns {
        return Ok(Place::Elsewhere);
    }
    if name.len() > limits.path {
        return Err(UnpackError::Limit { what: "a path is too long", limit: format!("{} bytes", limits.path) });
    }
    if parts.len() > limits.depth {
        return Err(UnpackError::Limit { what: "a path is too deep", limit: format!("{} folders", limits.depth) });
    }
    let refuse = |problem| UnpackError::Name { path: show(name), problem };
    let text = |part: &[u8]| -> Result<String, UnpackError> {
        let text = std::str::from_utf8(part).map_err(|_| refuse("the name is not UTF-8"))?;
        if text.chars().any(char::is_control) {
            return Err(refuse("the name has a control character"));
        }
        Ok(text.to_owned())
    };
    parts.into_iter().map(text).collect::<Result<_, _>>().map(Place::Disk)
}

/// The target of a symbolic link.
pub(super) fn text(target: &[u8], limits: &Limits) -> Result<String, UnpackError> {
    if target.len() > limits.path {
        return Err(UnpackError::Limit { what: "a link is too long", limit: format!("{} bytes", limits.path) });
    }
    let refuse = || UnpackError::Name { path: show(target), problem: "the target of a link is not UTF-8" };
    std::str::from_utf8(target).map(str::to_owned).map_err(|_| refuse())
}

/// What the last part of a path says about lower layers.
pub(super) fn whiteout(path: &[String]) -> Whiteout {
    match path.last().map(String::as_str) {
        Some(OPAQUE) => Whiteout::Opaque,
        Some(name) if name.starts_with(RESERVED) => Whiteout::Reserved,
        Some(name) => match name.strip_prefix(WHITEOUT) {
            Some(hidden) if !hidden.is_empty() && hidden != "." && hidden != ".." => Whiteout::Of(hidden.to_owned()),
            Some(_) => Whiteout::Reserved,
            None => Whiteout::None,
        },
        None => Whiteout::None,
    }
}

/// A name for people: cut, without what terminals act on.
pub(super) fn show(name: &[u8]) -> String {
    const LONGEST: usize = 120;
    String::from_utf8_lossy(name).chars().map(|c| if c.is_control() { '?' } else { c }).take(LONGEST).collect()
}
