//! Which Machines a command is about: some by name, or all that a selector and sites leave.

use anyhow::Context;
use kube::{Api, api::ListParams};
use metalman_core::api::{Machine, labels};

use super::usage;
use crate::{config::check_site, watch::Selection};

/// Machines asked for at once.
const PAGE: u32 = 500;

/// Which Machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    names: Vec<String>,
    labels: String,
    sites: Vec<String>,
}

impl Choice {
    /// Names, or else what the selector and the sites leave.
    pub(super) fn new(mut names: Vec<String>, selector: Option<&str>, sites: &[String]) -> anyhow::Result<Self> {
        let sites: Vec<String> =
            sites.iter().filter(|site| !site.is_empty()).map(|site| check_site(site)).collect::<Result<_, _>>()?;
        let mut labels: Vec<String> = selector.filter(|s| !s.is_empty()).map(str::to_owned).into_iter().collect();
        if !sites.is_empty() {
            labels.push(format!("{} in ({})", labels::SITE, sites.join(",")));
        }
        let mut seen = std::collections::HashSet::new();
        names.retain(|name| seen.insert(name.clone()));
        Ok(Self { names, labels: labels.join(","), sites })
    }

    /// Reads them, sorted by name. A name that is not there, or is of another site, is an error.
    pub(super) async fn find(&self, api: &Api<Machine>, url: &str) -> anyhow::Result<Vec<Machine>> {
        if self.names.is_empty() {
            return self.list(api, url).await;
        }
        let mut machines = Vec::with_capacity(self.names.len());
        for name in &self.names {
            let machine = api.get(name).await.with_context(|| format!("cannot read machine {name} at {url}"))?;
            self.check(&machine)?;
            machines.push(machine);
        }
        Ok(machines)
    }

    /// The same, as a watch is told.
    pub(super) fn selection(&self) -> Selection {
        match self.names.as_slice() {
            [] => Selection { labels: self.labels.clone(), fields: String::new() },
            [name] => Selection { labels: String::new(), fields: format!("metadata.name={name}") },
            _ => Selection::default(),
        }
    }

    /// Whether a Machine that such a watch brought is one of them.
    pub(super) fn covers(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|chosen| chosen == name)
    }

    fn check(&self, machine: &Machine) -> anyhow::Result<()> {
        let is_of_them = |site: &str| self.sites.iter().any(|chosen| chosen == site);
        if self.sites.is_empty() || machine.site().is_some_and(is_of_them) {
            return Ok(());
        }
        let site = machine.site().map_or_else(|| "no site".to_owned(), |site| format!("site {site}"));
        Err(usage(format!(
            "--site {}: machine {} is of {site}; name its site, or leave out --site",
            self.sites.join(","),
            machine.name()
        )))
    }

    async fn list(&self, api: &Api<Machine>, url: &str) -> anyhow::Result<Vec<Machine>> {
        let mut params = ListParams::default().labels(&self.labels).limit(PAGE);
        let mut machines = Vec::new();
        loop {
            let page = api.list(&params).await.with_context(|| format!("cannot list machines at {url}"))?;
            machines.extend(page.items);
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params.continue_token = Some(token),
                None => break,
            }
        }
        machines.sort_by(|a, b| a.name().cmp(b.name()));
        Ok(machines)
    }
}
