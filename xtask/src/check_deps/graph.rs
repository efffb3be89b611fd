//! The dependency graph, as `cargo metadata` tells it.
//!
//! Invariant: names here are package names; two versions of a package are one name, since no rule tells them apart.

use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How a crate depends on another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// In what ships, at run time or while building.
    Normal,
    /// In tests, benches and examples only.
    Dev,
}

/// Packages and what they depend on.
#[derive(Debug, Default)]
pub(super) struct Graph {
    members: BTreeSet<String>,
    /// Name → SPDX expression, of every package of the lock file.
    licences: BTreeMap<String, Option<String>>,
    /// Edges of workspace members, as declared.
    edges: BTreeMap<String, BTreeSet<(String, Kind)>>,
}

impl Graph {
    /// Reads the output of `cargo metadata`.
    pub(super) fn read(metadata: &Value) -> Result<Self> {
        let strings = |value: &Value| -> BTreeSet<String> {
            value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let member_ids = strings(&metadata["workspace_members"]);
        let mut graph = Self::default();
        for package in metadata["packages"].as_array().context("cargo metadata has no packages")? {
            let text = |key: &str| package[key].as_str().map(str::to_owned);
            let name = text("name").context("a package without name")?;
            // A licence file instead of an expression is left to people: the rules refuse it until it is allowed by name.
            graph.licences.insert(name.clone(), text("license"));
            if !text("id").is_some_and(|id| member_ids.contains(&id)) {
                continue;
            }
            let declared = package["dependencies"].as_array().into_iter().flatten().filter_map(|dependency| {
                let kind = if dependency["kind"] == "dev" { Kind::Dev } else { Kind::Normal };
                Some((dependency["name"].as_str()?.to_owned(), kind))
            });
            graph.edges.insert(name.clone(), declared.collect());
            graph.members.insert(name);
        }
        Ok(graph)
    }

    /// How many packages there are, ours and others'.
    pub(super) fn len(&self) -> usize {
        self.licences.len()
    }

    /// The crates of this repository.
    pub(super) fn members(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(String::as_str)
    }

    /// Which crates of this repository `from` depends on.
    pub(super) fn inner_edges(&self, from: &str) -> impl Iterator<Item = (&str, Kind)> {
        let edges = self.edges.get(from).into_iter().flatten();
        edges.filter(|(to, _)| self.members.contains(to)).map(|(to, kind)| (to.as_str(), *kind))
    }

    /// Every package with its licence.
    pub(super) fn licences(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.licences.iter().map(|(name, licence)| (name.as_str(), licence.as_deref()))
    }
}
