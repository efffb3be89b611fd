//! `metalman image lint`.

use std::{io::Write as _, path::Path};

use serde_json::json;

use super::{super::print, target};
use crate::{
    cli::{ImageFormat, LintArgs},
    images::manifest::Architecture,
    netboot_image::{Content, Finding, Opened, Severity, Source, lint},
};

/// The image has errors, or warnings where those count.
#[derive(Debug, thiserror::Error)]
#[error("{image}: {} and {}{remedy}", counted(*errors, "error"), counted(*warnings, "warning"))]
struct Faulty {
    image: String,
    errors: usize,
    warnings: usize,
    remedy: &'static str,
}

pub(super) async fn run(args: &LintArgs) -> anyhow::Result<()> {
    let folder = Path::new(&args.image);
    let content = if folder.is_dir() {
        Content::of(&Source::scan(folder)?)?
    } else {
        let access = target::access(&args.registry)?;
        Opened::new(&target::reference(&args.image)?, Architecture::default(), &access).await?.content().await?
    };
    let findings = lint(&content);
    if args.output == ImageFormat::Table {
        let lines: Vec<String> = findings.iter().map(|finding| finding.to_string() + "\n").collect();
        print::text(&lines.concat())?;
    } else {
        print::value(&json!({ "findings": findings }), args.output == ImageFormat::Yaml)?;
    }
    judge(&args.image, &findings, args.strict, "")
}

/// Tells what was found on standard error, and fails if an image of it would not boot.
pub(super) fn before_building(source: &Source) -> anyhow::Result<()> {
    let findings = lint(&Content::of(source)?);
    let mut out = anstream::stderr().lock();
    for finding in &findings {
        // Nobody may be listening, which is no reason not to build.
        let _ = writeln!(out, "{finding}");
    }
    judge(&source.root().display().to_string(), &findings, false, "; nothing was built (--no-lint builds all the same)")
}

fn judge(image: &str, findings: &[Finding], strict: bool, remedy: &'static str) -> anyhow::Result<()> {
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let warnings = findings.len() - errors;
    if errors > 0 || (strict && warnings > 0) {
        return Err(Faulty { image: image.to_owned(), errors, warnings, remedy }.into());
    }
    Ok(())
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}
