//! What a request for a boot file is answered with, whichever protocol it came by.
//!
//! Decisions beside the contract's table:
//! - a file that is asked for by its whole name is given as it is, also `x.tmpl` and `metadata.yaml`: an image has no
//!   secrets, and seeing what was written helps whoever debugs it;
//! - `cloud-init/user-data` is the Machine's, never the image's: an image cannot put itself in the operator's place.

mod step;

pub use self::step::step;
use crate::netboot::{FileIndex, TEMPLATE_SUFFIX, normalise};

/// The path of cloud-init's user-data.
pub const USER_DATA: &str = "cloud-init/user-data";

/// What to answer with. Paths are keys of the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// The file, verbatim.
    Stream(String),
    /// The template, rendered for the Machine.
    Render(String),
    /// The Machine's user-data, from its ConfigMap or the default.
    UserData,
    /// The image was not pulled yet.
    NotYet,
    /// There is no such file.
    NotFound,
}

/// Decides for a path as it was requested; `index` is none while the Machine's image was never pulled. `/disk/<path>.tmpl`
/// goes before `/disk/<path>`. User-data is answered without an image.
pub fn plan(requested: &str, index: Option<&FileIndex>) -> Plan {
    let Ok(path) = normalise(requested) else { return Plan::NotFound };
    if path == USER_DATA {
        return Plan::UserData;
    }
    let Some(index) = index else { return Plan::NotYet };
    let template = format!("{path}{TEMPLATE_SUFFIX}");
    if index.contains_key(&template) {
        Plan::Render(template)
    } else if index.contains_key(&path) {
        Plan::Stream(path)
    } else {
        Plan::NotFound
    }
}

#[cfg(test)]
mod tests;
