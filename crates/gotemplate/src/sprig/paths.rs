//! Slash-separated paths by their text alone. Role: Sprig's `base`, `dir`, `clean`, `ext`, `isAbs`, which are Go's package `path`.

use crate::func::{Func, Funcs};
use crate::value::Type;

use super::text;

pub(super) fn add(set: Funcs) -> Funcs {
    set.with("base", text(base))
        .with("dir", text(|p| clean(&p[..p.iter().rposition(|b| *b == b'/').map_or(0, |i| i + 1)])))
        .with("clean", text(clean))
        .with("ext", text(ext))
        .with("isAbs", Func::new([Type::String], |a| Ok(a.bytes(0).starts_with(b"/").into())).returns(Type::Bool))
}

fn base(path: &[u8]) -> Vec<u8> {
    let Some(end) = path.iter().rposition(|b| *b != b'/') else {
        return if path.is_empty() { b".".to_vec() } else { b"/".to_vec() };
    };
    let path = &path[..=end];
    path.rsplit(|b| *b == b'/').next().unwrap_or(path).to_vec()
}

fn ext(path: &[u8]) -> Vec<u8> {
    let name = path.rsplit(|b| *b == b'/').next().unwrap_or(path);
    name.iter().rposition(|b| *b == b'.').map_or_else(Vec::new, |dot| name[dot..].to_vec())
}

/// The shortest path that means the same: no `.`, no inner `..`, no double slash.
fn clean(path: &[u8]) -> Vec<u8> {
    let rooted = path.starts_with(b"/");
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|b| *b == b'/') {
        match part {
            b"" | b"." => {}
            b".." if parts.last().is_some_and(|last| *last != b"..") => {
                parts.pop();
            }
            b".." if rooted => {}
            _ => parts.push(part),
        }
    }
    let mut out = if rooted { b"/".to_vec() } else { Vec::new() };
    out.extend(parts.join(&b'/'));
    if out.is_empty() { b".".to_vec() } else { out }
}
