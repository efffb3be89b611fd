//! Content negotiation: what the client sends (`Content-Type`) and wants (`Accept`, RFC 9110 section 12.5.1).

use crate::error::ApiError;

/// The encoding of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Encoding {
    /// JSON.
    #[default]
    Json,
    /// YAML.
    Yaml,
}

/// The shape of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Shape {
    /// The object itself.
    #[default]
    Object,
    /// `meta.k8s.io/v1` Table.
    Table,
    /// `PartialObjectMetadata`, `PartialObjectMetadataList`.
    Metadata,
}

/// An acceptable answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Accept {
    /// Encoding.
    pub encoding: Encoding,
    /// Shape.
    pub shape: Shape,
}

/// One media range of an `Accept` header.
#[derive(Debug)]
pub(crate) struct Range<'a> {
    /// `application/json`, lower-cased by the client or not.
    pub media: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
    quality: u16,
}

impl Range<'_> {
    /// A parameter, empty when absent.
    pub(crate) fn parameter(&self, name: &str) -> &str {
        self.parameters.iter().find(|(k, _)| k.eq_ignore_ascii_case(name)).map_or("", |(_, v)| v)
    }
}

/// The ranges of an `Accept` header, preferred first. Bounded: nobody needs more than 32.
pub(crate) fn ranges(header: &str) -> Vec<Range<'_>> {
    let mut out: Vec<Range<'_>> = header
        .split(',')
        .take(32)
        .filter_map(|part| {
            let mut pieces = part.split(';').map(str::trim);
            let media = pieces.next().filter(|m| !m.is_empty())?;
            let parameters: Vec<(&str, &str)> =
                pieces.filter_map(|p| p.split_once('=')).map(|(k, v)| (k.trim(), v.trim().trim_matches('"'))).collect();
            let quality = parameters.iter().find(|(k, _)| *k == "q").map_or(1000, |(_, v)| thousandths(v));
            Some(Range { media, parameters, quality })
        })
        .filter(|r| r.quality > 0)
        .collect();
    out.sort_by_key(|r| std::cmp::Reverse(r.quality));
    out
}

/// A quality value (RFC 9110 section 12.4.2) in thousandths; what is malformed counts as 1.
fn thousandths(text: &str) -> u16 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = fraction.bytes().chain([b'0'; 3]).take(3);
    match whole {
        "0" => digits.fold(0, |n, d| n * 10 + u16::from(d.saturating_sub(b'0').min(9))),
        _ => 1000,
    }
}

/// What object and list requests are answered with. `tables`: the verb can answer with tables and metadata.
pub(crate) fn negotiate(header: Option<&str>, tables: bool) -> Result<Accept, ApiError> {
    let Some(header) = header.filter(|h| !h.trim().is_empty()) else { return Ok(Accept::default()) };
    for range in ranges(header) {
        let encoding = match range.media.to_ascii_lowercase().as_str() {
            "application/json" | "*/*" | "application/*" => Encoding::Json,
            "application/yaml" => Encoding::Yaml,
            _ => continue,
        };
        let group_is_meta = range.parameter("g") == "meta.k8s.io";
        let shape = match range.parameter("as") {
            "" => Shape::Object,
            "Table" if tables && group_is_meta && range.parameter("v") == "v1" => Shape::Table,
            "PartialObjectMetadata" | "PartialObjectMetadataList"
                if tables && group_is_meta && range.parameter("v") == "v1" =>
            {
                Shape::Metadata
            }
            _ => continue,
        };
        return Ok(Accept { encoding, shape });
    }
    Err(ApiError::not_acceptable("application/json, application/yaml"))
}

/// What a body is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyType {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// Kubernetes' protobuf envelope.
    Protobuf,
}

/// The content type of an object in a request body; absent means JSON. Custom resources have no protobuf form.
pub(crate) fn body_type(header: Option<&str>, custom: bool) -> Result<BodyType, ApiError> {
    match media_type(header).as_str() {
        "" | "application/json" | "*/*" => Ok(BodyType::Json),
        "application/yaml" => Ok(BodyType::Yaml),
        "application/vnd.kubernetes.protobuf" if !custom => Ok(BodyType::Protobuf),
        _ if custom => Err(ApiError::unsupported_media_type("application/json, application/yaml")),
        _ => Err(ApiError::unsupported_media_type(
            "application/json, application/yaml, application/vnd.kubernetes.protobuf",
        )),
    }
}

/// The four kinds of patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PatchType {
    /// RFC 6902.
    Json,
    /// RFC 7386.
    Merge,
    /// Strategic merge patch.
    Strategic,
    /// Server-side apply.
    Apply,
}

/// The kind of a patch by its content type; custom resources know no strategic merge.
pub(crate) fn patch_type(header: Option<&str>, custom: bool) -> Result<PatchType, ApiError> {
    match media_type(header).as_str() {
        "application/json-patch+json" => Ok(PatchType::Json),
        "application/merge-patch+json" => Ok(PatchType::Merge),
        "application/strategic-merge-patch+json" if !custom => Ok(PatchType::Strategic),
        "application/apply-patch+yaml" => Ok(PatchType::Apply),
        _ => Err(ApiError::unsupported_media_type(if custom {
            "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
        } else {
            "application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml"
        })),
    }
}

fn media_type(header: Option<&str>) -> String {
    header.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests;
