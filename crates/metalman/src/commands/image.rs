//! `metalman image …`.

mod build;
mod inspect;
mod lint;
mod push;
mod target;

use crate::{cli::ImageCommand, exit::UsageError};

pub(super) async fn run(command: ImageCommand) -> anyhow::Result<()> {
    match command {
        ImageCommand::Build(args) => build::run(&args).await,
        ImageCommand::Push(args) => push::run(&args).await,
        ImageCommand::Inspect(args) => inspect::run(&args).await,
        ImageCommand::Lint(args) => lint::run(&args).await,
    }
}

fn usage(text: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(UsageError(text.into()))
}

/// A number of bytes for people.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut unit = 0;
    // In tenths, as far as they matter.
    let mut tenths = u128::from(bytes) * 10 / 1024;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}
