//! What a URL path asks for: a resource (and which object and subresource of it) or a document of the server.
//!
//! Pure, and never panics: the path comes from the network.

use std::borrow::Cow;

/// A path below `/api` or `/apis/GROUP`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ResourcePath {
    /// API group, empty for core.
    pub group: String,
    /// Version.
    pub version: String,
    /// Namespace, empty when the path names none. `namespaces/NAME` itself carries NAME here too: authorizers see the
    /// Namespace object as living in itself.
    pub namespace: String,
    /// Plural.
    pub resource: String,
    /// Object name, empty for the collection.
    pub name: String,
    /// Subresource, with its own slashes, empty for the object itself.
    pub subresource: String,
    /// The legacy `/watch/` prefix.
    pub legacy_watch: bool,
}

/// What a path asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// A resource.
    Resource(ResourcePath),
    /// Anything else: a document of the server, or nothing.
    Document,
}

/// Reads a path.
pub(crate) fn parse(path: &str) -> Target {
    let mut segments: Vec<Cow<'_, str>> = Vec::new();
    for raw in path.trim_matches('/').split('/') {
        match percent_decode(raw) {
            // An encoded slash inside a segment could smuggle another path past the authorizer.
            Some(s) if !s.contains('/') => segments.push(s),
            _ => return Target::Document,
        }
    }
    let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
    let (group, version, mut rest) = match segments.as_slice() {
        ["api", version, rest @ ..] => ("", *version, rest),
        ["apis", group, version, rest @ ..] => (*group, *version, rest),
        _ => return Target::Document,
    };
    let mut found = ResourcePath { group: group.to_owned(), version: version.to_owned(), ..ResourcePath::default() };
    if let ["watch", after @ ..] = rest {
        found.legacy_watch = true;
        rest = after;
    }
    if let ["namespaces", namespace, after @ ..] = rest {
        (*namespace).clone_into(&mut found.namespace);
        match after {
            [] | ["status" | "finalize"] => {}
            _ => rest = after,
        }
    }
    let Some((resource, after)) = rest.split_first() else { return Target::Document };
    (*resource).clone_into(&mut found.resource);
    if let Some((name, after)) = after.split_first() {
        (*name).clone_into(&mut found.name);
        found.subresource = after.join("/");
    }
    // `//` leaves empty segments: there is no such resource or object.
    let named_nothing = !after.is_empty() && (found.name.is_empty() || after.iter().any(|s| s.is_empty()));
    if found.resource.is_empty() || named_nothing || path.contains("//") {
        return Target::Document;
    }
    Target::Resource(found)
}

/// RFC 3986 percent-decoding; `None` when it does not decode to UTF-8.
pub(crate) fn percent_decode(raw: &str) -> Option<Cow<'_, str>> {
    if !raw.contains('%') {
        return Some(Cow::Borrowed(raw));
    }
    let mut out = Vec::with_capacity(raw.len());
    let mut bytes = raw.bytes();
    while let Some(b) = bytes.next() {
        if b == b'%' {
            let hex = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
            out.push(hex(bytes.next())? * 16 + hex(bytes.next())?);
        } else {
            out.push(b);
        }
    }
    String::from_utf8(out).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests;
