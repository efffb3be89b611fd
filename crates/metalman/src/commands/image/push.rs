//! `metalman image push`.

use std::{
    io::{IsTerminal, Write},
    sync::Mutex,
};

use serde_json::json;

use super::{super::print, target, usage};
use crate::{
    cli::{ImageFormat, PushArgs, RegistryArgs},
    config::LayoutRoot,
    images::{
        layout::Layout,
        manifest::{Architecture, Descriptor},
        reference::{LayoutReference, RegistryReference},
        registry::RegistryClient,
    },
    netboot_image::{
        credentials,
        push::{PATIENCE, Push, Step},
    },
};

pub(super) async fn run(args: &PushArgs) -> anyhow::Result<()> {
    let from = target::in_layout(&args.source)?;
    let to = target::in_registry(&args.destination)?;
    let (image, to) = upload(&from, &to, &args.registry).await?;
    report(args.output, &image, &to)
}

/// Tells what was uploaded.
fn report(format: ImageFormat, image: &Descriptor, to: &RegistryReference) -> anyhow::Result<()> {
    if format == ImageFormat::Table {
        return print::text(&format!("{}\n", image.digest));
    }
    let value = json!({
        "image": to.to_string(),
        "manifest": { "mediaType": image.media_type, "digest": image.digest, "size": image.size },
    });
    print::value(&value, format == ImageFormat::Yaml)
}

/// Uploads an image, and says which and where to.
pub(super) async fn upload(
    from: &LayoutReference,
    to: &RegistryReference,
    args: &RegistryArgs,
) -> anyhow::Result<(Descriptor, RegistryReference)> {
    let access = target::access(args)?;
    let layout = Layout::open(&from.path, &LayoutRoot::Anywhere)?;
    let image = layout.find(from, Architecture::default())?;
    if let Some(digest) = to.digest().filter(|digest| **digest != image.digest) {
        return Err(usage(format!("{to}: the image has digest {}, not {digest}; push it by a tag", image.digest)));
    }
    let credentials = credentials::find(&access.auth_files, to)?;
    let client = RegistryClient::with_patience(to.host(), credentials, &access.trust, PATIENCE)?;
    let progress = Progress::default();
    let tell = |step: Step<'_>| progress.tell(step);
    let push = Push { client: &client, repository: to.repository(), layout: &layout, progress: &tell };
    push.run(&image, &to.manifest()).await?;
    Ok((image, to.clone()))
}

/// One line for each blob, on a terminal.
#[derive(Default)]
struct Progress {
    /// How long the line is that is being overwritten.
    width: Mutex<usize>,
}

impl Progress {
    fn tell(&self, step: Step<'_>) {
        let mut out = anstream::stderr().lock();
        if !std::io::stderr().is_terminal() {
            return;
        }
        let (blob, text, ends) = match step {
            Step::Present(blob) => (blob, "is there already".to_owned(), true),
            Step::Sending(blob, sent) => (blob, format!("{}%", sent * 100 / blob.size.max(1)), false),
            Step::Sent(blob) => (blob, "sent".to_owned(), true),
            Step::Manifest(blob) => (blob, "manifest stored".to_owned(), true),
        };
        let short: String = blob.digest.hex().chars().take(12).collect();
        let line = format!("{short} {:>10} {text}", super::size(blob.size));
        let mut width = self.width.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let padding = width.saturating_sub(line.len());
        // Nobody may be looking, which is no reason to stop.
        let _ = write!(out, "\r{line}{:padding$}{}", "", if ends { "\n" } else { "" });
        let _ = out.flush();
        *width = if ends { 0 } else { line.len() };
    }
}
