//! `metadata.yaml` is there and can be read.

use metalman_core::netboot::{METADATA, Metadata, MetadataError};

use super::{Finding, other_case};
use crate::netboot_image::content::Content;

/// What metalman reads of it.
const KNOWN: [&str; 2] = ["dhcpBootImageName", "bootFiles"];

/// Its text and what it says, when it says something.
pub(super) fn check(content: &Content, findings: &mut Vec<Finding>) -> Option<(String, Metadata)> {
    if !content.files.contains_key(METADATA) {
        let near = other_case(content, METADATA).or_else(|| other_case(content, "metadata.yml"));
        let message = match near {
            Some(near) => format!("there is no {METADATA}, but {near:?}: rename it"),
            None => format!(
                "there is no {METADATA}; write one that names the boot files, such as: dhcpBootImageName: shimx64.efi"
            ),
        };
        findings.push(Finding::error(METADATA, message));
        return None;
    }
    let text = content.whole(METADATA).and_then(|bytes| str::from_utf8(bytes).ok());
    let Some(text) = text else {
        findings.push(Finding::error(METADATA, "is no UTF-8 text, or too large"));
        return None;
    };
    match Metadata::parse(text) {
        Ok(metadata) => {
            unknown_keys(text, findings);
            Some((text.to_owned(), metadata))
        }
        Err(error) => {
            findings.push(Finding::error(METADATA, explain(&error)).at(place(text, &error)));
            None
        }
    }
}

fn explain(error: &MetadataError) -> String {
    let text = match error {
        MetadataError::Yaml(source) => first_line(&source.to_string()),
        error => match std::error::Error::source(error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    };
    text.trim_start_matches("metadata.yaml: ").trim_start_matches("metadata.yaml ").to_owned()
}

fn first_line(text: &str) -> String {
    text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned()
}

fn place(text: &str, error: &MetadataError) -> Option<(usize, Option<usize>)> {
    match error {
        MetadataError::Yaml(source) => {
            let at = source.location()?;
            Some((usize::try_from(at.line()).ok()?, usize::try_from(at.column()).ok()))
        }
        MetadataError::UnknownKey { key } => place_of_key(text, key),
        MetadataError::Path { key, .. } => place_of_key(text, key.rsplit('.').next().unwrap_or(key)),
        MetadataError::NoBootFile => None,
    }
}

/// Where a key stands. YAML can be written in many ways; what is not found this way has no place.
pub(super) fn place_of_key(text: &str, key: &str) -> Option<(usize, Option<usize>)> {
    text.lines().enumerate().find_map(|(number, line)| {
        let at = line.match_indices(key).map(|(at, _)| at).find(|at| {
            let before = line[..*at].chars().next_back();
            let after = line[at + key.len()..].trim_start_matches(['"', '\'']).trim_start();
            before.is_none_or(|c| !c.is_alphanumeric() && c != '-') && after.starts_with(':')
        })?;
        Some((number + 1, Some(at + 1)))
    })
}

/// A typo here is a machine without a boot file.
fn unknown_keys(text: &str, findings: &mut Vec<Finding>) {
    let Ok(serde_json::Value::Object(keys)) = serde_saphyr::from_str(text) else { return };
    for key in keys.keys().filter(|key| !KNOWN.contains(&key.as_str())) {
        let message = format!("metalman does not know the key {key:?}; it reads {}", KNOWN.join(" and "));
        findings.push(Finding::warning(METADATA, message).at(place_of_key(text, key)));
    }
}
