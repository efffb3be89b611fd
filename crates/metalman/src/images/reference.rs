//! What `spec.pxe.image` may say: an OCI reference, or `oci:/path[:tag]` for a layout on this disk.
//!
//! Role: parses, by the grammar that container tools share (`[domain/]path[:tag][@digest]`); a first component is a domain
//! when it holds a dot or a colon, or is `localhost`; without one the reference means Docker's registry, which is part of
//! that grammar. Invariant: a parsed reference is safe in a URL path as it is.

use std::{fmt, path::PathBuf, str::FromStr};

use super::digest::{Digest, DigestError};

/// The domain that a reference without one means.
const DEFAULT_DOMAIN: &str = "docker.io";
/// Where that domain's registry answers.
const DEFAULT_HOST: &str = "registry-1.docker.io";
/// What a tag is when nothing else is given.
const DEFAULT_TAG: &str = "latest";
/// Longest name (domain and path) taken.
const LONGEST_NAME: usize = 255;
/// Longest tag.
const LONGEST_TAG: usize = 128;
/// What a layout's reference begins with.
const LAYOUT: &str = "oci:";

/// Where an image comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference {
    /// A registry.
    Registry(RegistryReference),
    /// An OCI layout on this disk.
    Layout(LayoutReference),
}

/// A repository of a registry, with what is meant in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RegistryReference {
    domain: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// A folder in the OCI image layout, with what is meant in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LayoutReference {
    /// The folder; absolute.
    pub path: PathBuf,
    /// The name that the layout's index gives the image.
    pub tag: Option<String>,
    /// The manifest or index.
    pub digest: Option<Digest>,
}

/// A text that is no reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// Nothing.
    #[error("the image reference is empty")]
    Empty,
    /// The part before the first slash.
    #[error("image {text:?}: {domain:?} is not a registry's host[:port]")]
    Domain {
        /// The reference.
        text: String,
        /// The part.
        domain: String,
    },
    /// The repository.
    #[error(
        "image {text:?}: the repository {repository:?} may hold lowercase letters, digits, and single '.', '_', '-' between them"
    )]
    Repository {
        /// The reference.
        text: String,
        /// The part.
        repository: String,
    },
    /// Too long.
    #[error("image {text:?}: registry and repository together are longer than {LONGEST_NAME} characters")]
    TooLong {
        /// The reference, cut.
        text: String,
    },
    /// The tag.
    #[error(
        "image {text:?}: the tag {tag:?} may hold letters, digits, '_', '.' and '-', at most {LONGEST_TAG}, and begins with neither '.' nor '-'"
    )]
    Tag {
        /// The reference.
        text: String,
        /// The part.
        tag: String,
    },
    /// The digest.
    #[error("image {text:?}")]
    Digest {
        /// The reference.
        text: String,
        /// Why.
        #[source]
        source: DigestError,
    },
    /// `oci:` with a path from nowhere.
    #[error("image {text:?}: the path after oci: must begin with /")]
    Relative {
        /// The reference.
        text: String,
    },
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        match text.strip_prefix(LAYOUT) {
            Some(rest) if rest.starts_with('/') => parse_layout(text, rest).map(Self::Layout),
            // A registry called "oci" has a path that begins with its port: `oci:5000/x`.
            Some(rest) if !rest.starts_with(|c: char| c.is_ascii_digit()) => {
                Err(ReferenceError::Relative { text: cut(text) })
            }
            _ => text.parse().map(Self::Registry),
        }
    }
}

impl Reference {
    /// Whether it always means the same bytes.
    pub fn is_pinned(&self) -> bool {
        match self {
            Self::Registry(reference) => reference.digest.is_some(),
            Self::Layout(reference) => reference.digest.is_some(),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(reference) => reference.fmt(f),
            Self::Layout(reference) => reference.fmt(f),
        }
    }
}

impl RegistryReference {
    /// The registry, as the reference names it: `host[:port]`.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The registry, as it is reached: `host[:port]`.
    pub fn host(&self) -> &str {
        if self.domain == DEFAULT_DOMAIN { DEFAULT_HOST } else { &self.domain }
    }

    /// The repository.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, when the reference has one.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, when the reference has one; it outranks the tag.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// What `/v2/<repository>/manifests/` is asked for: the digest, else the tag, else `latest`.
    pub fn manifest(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, Some(tag)) => tag.clone(),
            (None, None) => DEFAULT_TAG.to_owned(),
        }
    }
}

impl FromStr for RegistryReference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if text.is_empty() {
            return Err(ReferenceError::Empty);
        }
        let (rest, digest) = split_digest(text)?;
        // A colon after the last slash separates a tag; one before it, a port.
        let name_end = rest.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match rest[name_end..].split_once(':') {
            Some((last, tag)) => (&rest[..name_end + last.len()], Some(tag)),
            None => (rest, None),
        };
        let tag = tag.map(|tag| check_tag(text, tag)).transpose()?;
        let (domain, path) = split_domain(name);
        if !is_domain(domain) {
            return Err(ReferenceError::Domain { text: cut(text), domain: cut(domain) });
        }
        if path.is_empty() || !path.split('/').all(is_path_component) {
            return Err(ReferenceError::Repository { text: cut(text), repository: cut(path) });
        }
        let official = domain == DEFAULT_DOMAIN && !path.contains('/');
        let repository = if official { format!("library/{path}") } else { path.to_owned() };
        if domain.len() + 1 + repository.len() > LONGEST_NAME {
            return Err(ReferenceError::TooLong { text: cut(text) });
        }
        Ok(Self { domain: domain.to_owned(), repository, tag, digest })
    }
}

impl fmt::Display for RegistryReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.domain, self.repository)?;
        match (&self.tag, &self.digest) {
            (None, None) => write!(f, ":{DEFAULT_TAG}"),
            (tag, digest) => suffixes(f, tag.as_deref(), digest.as_ref()),
        }
    }
}

impl fmt::Display for LayoutReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{LAYOUT}{}", self.path.display())?;
        suffixes(f, self.tag.as_deref(), self.digest.as_ref())
    }
}

fn suffixes(f: &mut fmt::Formatter<'_>, tag: Option<&str>, digest: Option<&Digest>) -> fmt::Result {
    if let Some(tag) = tag {
        write!(f, ":{tag}")?;
    }
    if let Some(digest) = digest {
        write!(f, "@{digest}")?;
    }
    Ok(())
}

fn parse_layout(text: &str, rest: &str) -> Result<LayoutReference, ReferenceError> {
    let (rest, digest) = split_digest_of_path(text, rest)?;
    let name = rest.rfind('/').map_or(0, |slash| slash + 1);
    let (path, tag) = match rest[name..].split_once(':') {
        Some((last, tag)) => (&rest[..name + last.len()], Some(check_tag(text, tag)?)),
        None => (rest, None),
    };
    Ok(LayoutReference { path: PathBuf::from(path), tag, digest })
}

/// A folder's name may hold an @; only what looks like a digest is one.
fn split_digest_of_path<'a>(text: &str, rest: &'a str) -> Result<(&'a str, Option<Digest>), ReferenceError> {
    match rest.rsplit_once('@') {
        Some((path, digest)) if digest.starts_with("sha256:") || digest.starts_with("sha512:") => {
            let digest = digest.parse().map_err(|source| ReferenceError::Digest { text: cut(text), source })?;
            Ok((path, Some(digest)))
        }
        _ => Ok((rest, None)),
    }
}

fn split_digest(text: &str) -> Result<(&str, Option<Digest>), ReferenceError> {
    let Some((rest, digest)) = text.split_once('@') else { return Ok((text, None)) };
    let digest = digest.parse().map_err(|source| ReferenceError::Digest { text: cut(text), source })?;
    Ok((rest, Some(digest)))
}

fn split_domain(name: &str) -> (&str, &str) {
    match name.split_once('/') {
        Some((first, path)) if first.contains(['.', ':']) || first == "localhost" || first.starts_with('[') => {
            // Docker's registry has an older name.
            (if first == "index.docker.io" { DEFAULT_DOMAIN } else { first }, path)
        }
        _ => (DEFAULT_DOMAIN, name),
    }
}

fn is_domain(domain: &str) -> bool {
    let (host, port) = match domain.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, after)) if address.parse::<std::net::Ipv6Addr>().is_ok() => {
                return after.is_empty() || after.strip_prefix(':').is_some_and(is_port);
            }
            _ => return false,
        },
        None => match domain.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (domain, None),
        },
    };
    let label = |label: &str| {
        let bytes = label.as_bytes();
        !bytes.is_empty()
            && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
            && bytes.first() != Some(&b'-')
            && bytes.last() != Some(&b'-')
    };
    host.split('.').all(label) && port.is_none_or(is_port)
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_path_component(component: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = component.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    if !ends.into_iter().all(|end| end.is_some_and(|b| alphanumeric(*b))) {
        return false;
    }
    component
        .split(|c: char| c.is_ascii() && alphanumeric(c as u8))
        .all(|separator| matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|b| b == b'-'))
}

fn check_tag(text: &str, tag: &str) -> Result<String, ReferenceError> {
    let bytes = tag.as_bytes();
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let valid = bytes.first().is_some_and(|b| word(*b))
        && bytes.len() <= LONGEST_TAG
        && bytes.iter().all(|b| word(*b) || matches!(b, b'.' | b'-'));
    if valid { Ok(tag.to_owned()) } else { Err(ReferenceError::Tag { text: cut(text), tag: cut(tag) }) }
}

fn cut(text: &str) -> String {
    text.chars().take(256).collect()
}

#[cfg(test)]
mod tests;
