//! The dependency rules: who may depend on whom, and what nobody may pull in.
//!
//! Role: reads `cargo metadata` with the features resolved, and applies the rules of [`rules`] to it.
//!
//! Invariants:
//! - a workspace crate that the rules do not know fails the check: a new crate states its place first;
//! - reachability follows normal dependencies as resolved for the crate alone, so that a runtime that only a sibling
//!   enables is not held against it, and one that hides behind a feature is found.

mod graph;
mod rules;

use anyhow::{Context, Result, bail};
use graph::Graph;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

/// Checks the repository at `root`; fails with every violation.
pub(crate) fn run(root: &Path) -> Result<()> {
    let metadata = metadata(root)?;
    let workspace = Graph::read(&metadata)?;
    let mut violations = rules::edges(&workspace);
    violations.extend(rules::licences(&workspace));
    violations.extend(rules::banned_everywhere(&tree(root, &["--workspace", "--edges", "normal,build,dev"])?));
    for name in rules::RESTRICTED {
        violations
            .extend(rules::forbidden(name, &tree(root, &["--package", name.package, "--edges", "normal,build"])?));
    }
    if !violations.is_empty() {
        bail!(
            "{}\n{} dependency rule(s) broken; they are in xtask/src/check_deps/rules.rs",
            violations.join("\n"),
            violations.len()
        );
    }
    writeln!(std::io::stdout(), "{} packages, every dependency as drawn", workspace.len())?;
    Ok(())
}

fn metadata(root: &Path) -> Result<serde_json::Value> {
    let text = cargo(root, &["metadata", "--format-version=1", "--locked"])?;
    serde_json::from_str(&text).context("reading cargo metadata")
}

/// The names of the packages that are built for this choice. `cargo metadata` lists what any feature could pull in, and
/// unifies features over the whole workspace; `cargo tree` resolves what really is, for the packages chosen.
fn tree(root: &Path, choice: &[&str]) -> Result<Vec<String>> {
    let mut arguments = vec!["tree", "--prefix", "none", "--format", "{p}", "--locked", "--target", "all"];
    arguments.extend(choice);
    let text = cargo(root, &arguments)?;
    Ok(text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}

fn cargo(root: &Path, arguments: &[&str]) -> Result<String> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let what = format!("running cargo {}", arguments.join(" "));
    let output = Command::new(program).args(arguments).current_dir(root).output().with_context(|| what.clone())?;
    if !output.status.success() {
        bail!("{what}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout).context(what)
}

#[cfg(test)]
mod tests;
