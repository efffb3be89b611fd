//! `metalman image inspect`.

use std::{collections::BTreeMap, fmt::Write as _};

use metalman_core::netboot::{DISK, TEMPLATE_SUFFIX};
use serde::Serialize;
use serde_json::Value;

use super::{super::print, size, target};
use crate::{
    cli::{ImageFormat, InspectArgs},
    images::manifest::Architecture,
    netboot_image::{Content, lint::read_metadata, opened::Opened},
};

/// What is told about an image.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    image: String,
    digest: String,
    /// Of the index that the reference points to, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    index_digest: Option<String>,
    platform: String,
    /// Those of the index.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    platforms: Vec<String>,
    created: Option<String>,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    layers: Vec<Layer>,
    /// Bytes of all layers, as they are transferred.
    size: u64,
    /// By architecture; none if `metadata.yaml` is missing or wrong.
    boot_files: Option<BTreeMap<String, String>>,
    templates: Vec<String>,
    file_count: usize,
    /// Bytes of all files.
    file_size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Vec<File>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Layer {
    media_type: String,
    digest: String,
    size: u64,
}

#[derive(Serialize)]
struct File {
    path: String,
    size: u64,
}

pub(super) async fn run(args: &InspectArgs) -> anyhow::Result<()> {
    let reference = target::reference(&args.image)?;
    let access = target::access(&args.registry)?;
    let architecture = match args.architecture {
        crate::cli::ImageArchitecture::Amd64 => Architecture::Amd64,
        crate::cli::ImageArchitecture::Arm64 => Architecture::Arm64,
    };
    let opened = Opened::new(&reference, architecture, &access).await?;
    let content = opened.content().await?;
    let report = report(reference.to_string(), &opened, &content, args.files);
    match args.output {
        ImageFormat::Table => print::text(&table(&report)),
        format => print::value(&report, format == ImageFormat::Yaml),
    }
}

fn report(image: String, opened: &Opened, content: &Content, files: bool) -> Report {
    let (config, manifest) = (&opened.config, &opened.manifest);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let layers = manifest.layers.iter().map(|layer| Layer {
        media_type: layer.media_type.clone(),
        digest: layer.digest.to_string(),
        size: layer.size,
    });
    let boot_files = read_metadata(content)
        .map(|metadata| metadata.boot_files.iter().map(|(key, path)| (key.to_owned(), path.to_owned())).collect());
    let all = content.files.iter().map(|(path, info)| File { path: format!("{DISK}/{path}"), size: info.size });
    Report {
        image,
        digest: opened.digest.to_string(),
        index_digest: (opened.top != opened.digest).then(|| opened.top.to_string()),
        platform: platform(&config["os"], &config["architecture"], &config["variant"]),
        platforms: opened
            .index
            .iter()
            .filter_map(|image| image.platform.as_ref())
            .map(|p| {
                let variant = p.variant.clone().map_or(Value::Null, Value::from);
                platform(&p.os.clone().into(), &p.architecture.clone().into(), &variant)
            })
            .collect(),
        created: text(&config["created"]),
        labels: words(&config["config"]["Labels"]),
        annotations: words(&opened.document["annotations"]),
        size: manifest.layers.iter().map(|layer| layer.size).sum(),
        layers: layers.collect(),
        boot_files,
        templates: content
            .files
            .keys()
            .filter(|path| path.ends_with(TEMPLATE_SUFFIX))
            .map(|path| format!("{DISK}/{path}"))
            .collect(),
        file_count: content.files.len(),
        file_size: content.files.values().map(|info| info.size).sum(),
        files: files.then(|| all.collect()),
    }
}

fn platform(os: &Value, architecture: &Value, variant: &Value) -> String {
    let parts = [os, architecture, variant].into_iter().filter_map(Value::as_str).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("/")
}

fn words(value: &Value) -> BTreeMap<String, String> {
    let pairs = value.as_object().into_iter().flatten();
    pairs.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

fn table(report: &Report) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        let name = if name.is_empty() { String::new() } else { format!("{name}:") };
        // What an image says about itself must not steer a terminal.
        let value: String = value.chars().filter(|c| !c.is_control()).collect();
        let _ = writeln!(text, "{name:<12}{value}");
    };
    line("Image", &report.image);
    line("Digest", &report.digest);
    if let Some(index) = &report.index_digest {
        line("Index", index);
    }
    line("Platform", &report.platform);
    if !report.platforms.is_empty() {
        line("Platforms", &report.platforms.join(", "));
    }
    line("Created", report.created.as_deref().unwrap_or("<unknown>"));
    let mut section = |name: &str, lines: Vec<String>| {
        for (number, value) in lines.iter().enumerate() {
            line(if number == 0 { name } else { "" }, value);
        }
    };
    let pairs = |map: &BTreeMap<String, String>| map.iter().map(|(key, value)| format!("{key}={value}")).collect();
    section("Labels", pairs(&report.labels));
    section("Annotations", pairs(&report.annotations));
    let layers = report.layers.iter();
    section("Layers", layers.map(|l| format!("{} {:>10} {}", l.digest, size(l.size), l.media_type)).collect());
    section("Size", vec![size(report.size)]);
    section(
        "Boot files",
        match &report.boot_files {
            Some(files) => files.iter().map(|(key, path)| format!("{key:<16} {DISK}/{path}")).collect(),
            None => vec!["<none>: metadata.yaml is missing or cannot be read; see image lint".to_owned()],
        },
    );
    section("Templates", report.templates.clone());
    section("Files", vec![format!("{} in {}", size(report.file_size), report.file_count)]);
    for file in report.files.iter().flatten() {
        section("", vec![format!("{:>10} {}", size(file.size), file.path)]);
    }
    text
}
