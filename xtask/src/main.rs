//! Repository chores: `cargo xtask generate` and `cargo xtask check-deps`.
//!
//! Role: what keeps committed files and drawn boundaries true; run by people and by CI.
//!
//! Invariant: a check changes nothing and fails with what to do about it.

mod check_deps;
mod generate;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};

#[derive(Parser)]
#[command(name = "xtask", about = "Repository chores", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Write the generated files: deploy/ (CRD, namespaces, RBAC, Deployment).
    Generate {
        /// Write nothing; fail with a diff when a committed file is not the generated one.
        #[arg(long)]
        check: bool,
    },
    /// Check that crates depend on each other as drawn, pure crates on no runtime, and nothing on what is banned.
    CheckDeps,
}

fn main() -> Result<()> {
    match Arguments::parse().chore {
        Chore::Generate { check: false } => generate::write(&root().join("deploy")),
        Chore::Generate { check: true } => generate::check(&root().join("deploy")),
        Chore::CheckDeps => check_deps::run(&root()),
    }
}

/// The repository: this crate is its direct child, wherever the command was started.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}
