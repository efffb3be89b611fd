//! Which Machines an instance of metalman owns.
//!
//! Invariant: for every Machine exactly one of the possible selections owns it, so two sites never fight over a Machine,
//! and [`Selection::label_selector`] selects on the server what [`Selection::owns`] selects here.

use crate::api::{Machine, labels};
use std::fmt;
use thiserror::Error;

/// The Machines of one site, or those of none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Machines whose site label has this value.
    Site(String),
    /// Machines without a site label: what an instance without `--site` owns.
    NoSite,
}

/// A site's name that no label could hold.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "site {site:?} is not a label value: at most 63 letters, digits, '-', '_' and '.', beginning and ending with a letter or digit"
)]
pub struct SiteError {
    /// The name as given.
    pub site: String,
}

impl Selection {
    /// The selection of an instance run with that `--site`, or without. A site must be a label value, since a label is
    /// how Machines name it.
    pub fn new(site: Option<&str>) -> Result<Self, SiteError> {
        match site {
            None => Ok(Self::NoSite),
            Some(site) if is_label_value(site) => Ok(Self::Site(site.to_owned())),
            Some(site) => Err(SiteError { site: site.chars().take(128).collect() }),
        }
    }

    /// The site's name.
    pub fn site(&self) -> Option<&str> {
        match self {
            Self::Site(site) => Some(site),
            Self::NoSite => None,
        }
    }

    /// Whether this instance owns the Machine.
    pub fn owns(&self, machine: &Machine) -> bool {
        machine.site() == self.site()
    }

    /// The same as a selector for lists and watches.
    pub fn label_selector(&self) -> String {
        match self {
            Self::Site(site) => format!("{}={site}", labels::SITE),
            Self::NoSite => format!("!{}", labels::SITE),
        }
    }

    /// The name of the Lease that the instances of this selection elect their leader with.
    pub fn lease_name(&self) -> String {
        match self {
            Self::Site(site) => format!("metalman-{}", site.to_lowercase().replace('_', "-")),
            Self::NoSite => "metalman".to_owned(),
        }
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Site(site) => write!(f, "site {site}"),
            Self::NoSite => f.write_str("no site"),
        }
    }
}

fn is_label_value(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let outer = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.len() <= 63 && bytes.iter().copied().all(inner) && outer(bytes.first()) && outer(bytes.last())
}

#[cfg(test)]
mod tests;
