//! The systems behind a service: found by links, looked at, and told apart.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use jiff::Timestamp;
use metalman_core::lifecycle::bmc::{PowerState, System};
use reqwest::Url;
use serde_json::Value;

use super::{
    RedfishError,
    boot::{self, Shown},
    discovery::{self, Choice, choose},
    etag::Form,
    service::Service,
    transport::{Answer, Request},
};

/// Pages of a collection that are read.
const MOST_PAGES: usize = 8;
/// Members whose Id is asked for.
const MOST_MEMBERS: usize = 64;

/// What was learned of the systems.
#[derive(Debug, Default)]
pub(super) struct Systems {
    /// By deviceID.
    urls: HashMap<Option<String>, Url>,
    /// The power that a system showed last, and since when.
    power: HashMap<Url, (Option<PowerState>, Timestamp)>,
    /// Reset types by their `ActionInfo`.
    pub(super) reset_types: HashMap<Url, Option<Vec<String>>>,
    /// Systems whose Settings object took a boot override.
    pub(super) settings_first: HashSet<Url>,
    /// Settings objects without a boot override.
    pub(super) settings_without: HashSet<Url>,
    /// How this service wants its ETags.
    pub(super) form: Form,
}

/// A system's resource as it was read.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) url: Url,
    pub(super) answer: Answer,
}

impl Found {
    pub(super) fn body(&self) -> &Value {
        &self.answer.body
    }

    pub(super) fn power(&self) -> Option<PowerState> {
        self.body().get("PowerState").and_then(Value::as_str).map(PowerState::parse)
    }
}

impl Service {
    /// The Machine's system, freshly read.
    pub(super) async fn system(self: &Arc<Self>, device_id: Option<&str>) -> Result<Found, RedfishError> {
        let key = device_id.map(str::to_owned);
        let known = self.state().systems.urls.get(&key).cloned();
        if let Some(url) = known {
            match self.get(&url).await {
                // It moved: a chassis was rewired, or firmware renamed it.
                Err(RedfishError::Refused { status: 404 | 410, .. }) => {
                    let mut state = self.state();
                    state.root = None;
                    state.systems.urls.remove(&key);
                }
                other => return other.map(|answer| Found { url, answer }),
            }
        }
        let url = self.find_system(device_id).await?;
        let answer = self.get(&url).await?;
        self.state().systems.urls.insert(key, url.clone());
        Ok(Found { url, answer })
    }

    async fn find_system(self: &Arc<Self>, device_id: Option<&str>) -> Result<Url, RedfishError> {
        let members = self.members().await?;
        let mut ids: Vec<String> = Vec::new();
        match choose(device_id, &members) {
            Choice::Member(member) => return self.resolve(member),
            Choice::None => {}
            Choice::AskIds => {
                for member in members.iter().take(MOST_MEMBERS) {
                    let url = self.resolve(member)?;
                    let answer = self.get(&url).await?;
                    let id = answer.body.get("Id").and_then(Value::as_str);
                    if id.is_some() && id == device_id {
                        return Ok(url);
                    }
                    ids.extend(id.map(str::to_owned));
                }
            }
        }
        let names = || members.iter().map(|member| discovery::name(member).to_owned()).collect();
        let choices = if ids.len() == members.len() { ids } else { names() };
        Err(RedfishError::NoSystem { bmc: self.bmc(), wanted: device_id.map(str::to_owned), choices })
    }

    async fn members(self: &Arc<Self>) -> Result<Vec<String>, RedfishError> {
        let root = self.root().await?;
        let mut next = root.systems;
        let mut members = Vec::new();
        for _ in 0..MOST_PAGES {
            let Some(link) = next else { break };
            let answer = self.get(&self.resolve(&link)?).await?;
            let (page, following) = discovery::page(&answer.body);
            members.extend(page);
            next = following;
        }
        Ok(members)
    }

    /// What the system shows.
    pub(super) async fn observe(self: &Arc<Self>, device_id: Option<&str>) -> Result<System, RedfishError> {
        let found = self.system(device_id).await?;
        let mut shown = Shown::of(found.body());
        if !shown.is_active()
            && let Some(pending) = self.pending(&found).await?
        {
            shown.targets = shown.targets.or(pending.targets);
            shown.set = pending.set;
        }
        let power = found.power();
        let at = Timestamp::now();
        let steady_since = {
            let mut state = self.state();
            let entry = state.systems.power.entry(found.url).or_insert_with(|| (power.clone(), at));
            if entry.0 != power {
                *entry = (power.clone(), at);
            }
            entry.1
        };
        let certificate = self.transport.witness.accepted().map(|fingerprint| fingerprint.to_string());
        Ok(System { power, steady_since, boot_override: shown.set, targets: shown.targets, certificate, at })
    }

    /// What the system's Settings object shows, where it has an active override of its own.
    async fn pending(self: &Arc<Self>, found: &Found) -> Result<Option<Shown>, RedfishError> {
        let Some(url) = self.settings_of(found)? else { return Ok(None) };
        if self.state().systems.settings_without.contains(&url) {
            return Ok(None);
        }
        let answer = self.call(&Request::get(&url)).await?;
        let shown = Shown::of(&answer.body);
        if shown.set.is_none() && (answer.is_success() || answer.status == 404) {
            self.state().systems.settings_without.insert(url);
        }
        Ok(Some(shown).filter(Shown::is_active))
    }

    /// Where the system's Settings object is.
    pub(super) fn settings_of(&self, found: &Found) -> Result<Option<Url>, RedfishError> {
        boot::settings(found.body()).map(|link| self.resolve(link)).transpose()
    }
}
