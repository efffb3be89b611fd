//! Names and sizes.

use std::collections::BTreeMap;

use metalman_core::{bootfile::USER_DATA, netboot::TEMPLATE_SUFFIX};

use super::Finding;
use crate::netboot_image::content::Content;

/// From here on, 32-bit sizes in boot loaders and firmware do not suffice.
const LARGE: u64 = 4 << 30;
/// What metalman answers itself.
const ANSWERED: [&str; 4] = [USER_DATA, "pxe/disable", "healthz", "boot/event"];

pub(super) fn check(content: &Content, findings: &mut Vec<Finding>) {
    let mut by_case: BTreeMap<String, &str> = BTreeMap::new();
    for (path, info) in &content.files {
        if info.size >= LARGE {
            let message = "is 4 GiB or larger, more than many boot loaders and firmwares can fetch";
            findings.push(Finding::warning(path, message));
        }
        if ANSWERED.contains(&path.strip_suffix(TEMPLATE_SUFFIX).unwrap_or(path)) {
            findings.push(Finding::warning(path, "no machine gets it: metalman answers requests for this path itself"));
        }
        if let Some(other) = by_case.insert(path.to_ascii_lowercase(), path) {
            let message = format!("differs from {other:?} in case only; each machine gets the one that it spells");
            findings.push(Finding::warning(path, message));
        }
    }
    for path in &content.broken {
        findings.push(Finding::warning(path, "is a link that leads nowhere"));
    }
}
