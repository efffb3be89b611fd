//! `metalman image build`.

use std::{collections::BTreeMap, path::Path};

use anyhow::Context;
use serde_json::json;

use super::{super::print, lint, push, target, usage};
use crate::{
    cli::{BuildArgs, ImageFormat},
    images::reference::LayoutReference,
    netboot_image::{BuildOptions, Built, LayoutWriter, Source, build, temporary::Temporary},
};

/// The variable that reproducible builds share.
const SOURCE_DATE_EPOCH: &str = "SOURCE_DATE_EPOCH";

pub(super) async fn run(args: &BuildArgs) -> anyhow::Result<()> {
    let options = BuildOptions {
        platform: args.platform.clone(),
        compression: args.compression,
        epoch: epoch(args)?,
        labels: pairs("--label", &args.labels)?,
        annotations: pairs("--annotation", &args.annotations)?,
    };
    let source = Source::scan(&args.dir)?;
    if !args.no_lint {
        lint::before_building(&source)?;
    }
    let name = target::in_registry(&args.tag)?;
    // For the layout of an image that only goes to a registry.
    let mut scratch = None;
    let layout = if let Some(output) = &args.output {
        target::in_layout(output)?
    } else {
        let folder: &Temporary = scratch.insert(Temporary::new()?);
        LayoutReference { path: folder.path().to_owned(), tag: None, digest: None }
    };
    if layout.digest.is_some() {
        return Err(usage(format!("{layout}: an image has its digest from its content; give oci:PATH[:TAG]")));
    }
    let tag = layout.tag.clone().unwrap_or_else(|| name.tag().unwrap_or("latest").to_owned());
    refuse_inside(&source, &layout.path)?;
    let mut writer = LayoutWriter::open(&layout.path)?;
    let built = build(&source, &options, &mut writer)?;
    writer.tag(&built.manifest, &tag)?;
    drop(writer);
    let from = LayoutReference { tag: Some(tag), ..layout };
    if args.push {
        push::upload(&from, &name, &args.registry).await?;
    }
    let image = if args.output.is_some() { from.to_string() } else { name.to_string() };
    report(args, &built, &image)
}

fn report(args: &BuildArgs, built: &Built, image: &str) -> anyhow::Result<()> {
    if args.format == ImageFormat::Table {
        return print::text(&format!("{}\n", built.manifest.digest));
    }
    let value = json!({ "image": image, "manifest": built.manifest, "layers": [built.layer] });
    print::value(&value, args.format == ImageFormat::Yaml)
}

fn epoch(args: &BuildArgs) -> anyhow::Result<u64> {
    if let Some(epoch) = args.source_date_epoch {
        return Ok(epoch);
    }
    match std::env::var(SOURCE_DATE_EPOCH) {
        Ok(text) if !text.is_empty() => {
            text.parse().map_err(|_| usage(format!("{SOURCE_DATE_EPOCH}={text:?}: give whole seconds since 1970")))
        }
        _ => Ok(0),
    }
}

fn pairs(flag: &str, given: &[String]) -> anyhow::Result<BTreeMap<String, String>> {
    let pair = |text: &String| match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(usage(format!("{flag} {text:?}: is not KEY=VALUE; give both"))),
    };
    given.iter().filter(|text| !text.is_empty()).map(pair).collect()
}

/// A layout inside the folder would become part of the next image, and that of the one after.
fn refuse_inside(source: &Source, layout: &Path) -> anyhow::Result<()> {
    let root = source.root().canonicalize().with_context(|| format!("cannot find {}", source.root().display()))?;
    let existing = layout.ancestors().find_map(|folder| folder.canonicalize().ok());
    match existing {
        Some(folder) if folder.starts_with(&root) => Err(usage(format!(
            "--output {}: lies inside {}, which it is made from; write it elsewhere",
            layout.display(),
            root.display()
        ))),
        _ => Ok(()),
    }
}
