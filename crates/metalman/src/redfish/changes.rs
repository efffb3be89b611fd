//! What is changed at a system: its power, and where it boots from next.

use std::{sync::Arc, time::Instant};

use metalman_core::lifecycle::bmc::{BootOverride, BootTarget, PowerAction};
use reqwest::{Method, Url};
use serde_json::json;

use super::{
    RedfishError,
    boot::{Shown, Way, describe},
    etag::Tags,
    reset::{self, Reset},
    service::{Ended, Service},
    systems::Found,
    transport::{Answer, Request},
};

/// A resource whose boot override can be written: the system, or its Settings object.
#[derive(Debug)]
struct Place {
    url: Url,
    tags: Tags,
    shown: Shown,
}

impl Place {
    fn of(url: Url, answer: &Answer) -> Self {
        Self { url, tags: answer.tags(), shown: Shown::of(&answer.body) }
    }
}

impl Service {
    /// Changes the power. A BMC that refuses what is already so did nothing wrong.
    pub(super) async fn power(
        self: &Arc<Self>,
        device_id: Option<&str>,
        action: PowerAction,
    ) -> Result<(), RedfishError> {
        let found = self.system(device_id).await?;
        let outcome = self.reset(&found, action).await;
        match outcome {
            Err(error) if error.is_refusal() => {
                let found = self.system(device_id).await?;
                if reset::is_reached(action, found.power().as_ref()) { Ok(()) } else { Err(error) }
            }
            // A task that is still running is an accepted one: the power shows what becomes of it.
            other => other.map(drop),
        }
    }

    async fn reset(self: &Arc<Self>, found: &Found, action: PowerAction) -> Result<Ended, RedfishError> {
        let reset = Reset::of(found.body());
        let allowed = match (&reset.allowed, &reset.info) {
            (None, Some(info)) => self.reset_types(&self.resolve(info)?).await?,
            _ => reset.allowed.clone(),
        };
        let chosen = reset::choose(action, allowed.as_deref(), found.power().as_ref());
        let (Some(target), Some(kind)) = (&reset.target, chosen) else {
            let allowed = allowed.filter(|_| reset.target.is_some()).unwrap_or_default();
            return Err(RedfishError::NoReset { bmc: self.bmc(), action, allowed });
        };
        let request = Request::with(Method::POST, &self.resolve(target)?, json!({"ResetType": kind}));
        self.change(&request, self.patience.task).await
    }

    async fn reset_types(self: &Arc<Self>, info: &Url) -> Result<Option<Vec<String>>, RedfishError> {
        if let Some(known) = self.state().systems.reset_types.get(info).cloned() {
            return Ok(known);
        }
        let answer = self.call(&Request::get(info)).await?;
        if !answer.is_success() {
            // The action works without its description.
            return Ok(None);
        }
        let allowed = reset::allowed_by_info(&answer.body);
        self.state().systems.reset_types.insert(info.clone(), allowed.clone());
        Ok(allowed)
    }

    /// Sets the override, and reads it back.
    pub(super) async fn set_override(
        self: &Arc<Self>,
        device_id: Option<&str>,
        target: BootTarget,
    ) -> Result<BootOverride, RedfishError> {
        let found = self.system(device_id).await?;
        let places = self.places(&found).await?;
        let cannot = |why: String| RedfishError::NoOverride { bmc: self.bmc(), target, why };
        let mut error = cannot("the system has no boot override".into());
        for place in places.iter().filter(|place| place.shown.set.is_some()) {
            if let Some(allowed) = &place.shown.targets
                && !allowed.iter().any(|word| word == target.as_str())
            {
                error = cannot(format!("it allows {}", allowed.join(", ")));
                continue;
            }
            match self.write(place, place.shown.ways_to_set(target)).await {
                Ok(true) => {}
                Ok(false) => {
                    error = cannot("it offers neither Once nor Continuous".into());
                    continue;
                }
                Err(refused) if refused.is_refusal() => {
                    error = refused;
                    continue;
                }
                Err(other) => return Err(other),
            }
            let is_set = |shown: &BootOverride| shown.is_active() && shown.target == target.as_str();
            match self.read_back(&place.url, is_set, || format!("boot override {target}")).await {
                Ok(shown) => {
                    if place.url != found.url {
                        self.state().systems.settings_first.insert(found.url);
                    }
                    return Ok(shown);
                }
                Err(otherwise) if otherwise.is_refusal() => error = otherwise,
                Err(other) => return Err(other),
            }
        }
        Err(error)
    }

    /// Takes every override back, and reads that back.
    pub(super) async fn clear_override(self: &Arc<Self>, device_id: Option<&str>) -> Result<(), RedfishError> {
        let found = self.system(device_id).await?;
        for place in self.places(&found).await?.iter().filter(|place| place.shown.is_active()) {
            self.write(place, Shown::ways_to_clear()).await?;
            let is_clear = |shown: &BootOverride| !shown.is_active();
            self.read_back(&place.url, is_clear, || "no boot override".into()).await?;
        }
        Ok(())
    }

    /// Where the override can be written, the most promising first.
    async fn places(self: &Arc<Self>, found: &Found) -> Result<Vec<Place>, RedfishError> {
        let mut places = vec![Place::of(found.url.clone(), &found.answer)];
        if let Some(url) = self.settings_of(found)? {
            let answer = self.call(&Request::get(&url)).await?;
            if answer.is_success() {
                let mut place = Place::of(url, &answer);
                // A Settings object need not list what is allowed, nor show what nobody set.
                place.shown.targets = place.shown.targets.or_else(|| places[0].shown.targets.clone());
                let first = self.state().systems.settings_first.contains(&found.url);
                places.insert(usize::from(!first), place);
            }
        }
        Ok(places)
    }

    /// Tries the ways one after the other, until one is accepted. False: there is none to try.
    async fn write(self: &Arc<Self>, place: &Place, mut ways: Vec<Way>) -> Result<bool, RedfishError> {
        let mut error = None;
        while !ways.is_empty() {
            let way = ways.remove(0);
            let mut request = Request::with(Method::PATCH, &place.url, way.body());
            let answer = self.patch(&mut request, &place.tags).await?;
            if answer.is_success() {
                return self.finish(&request, &answer, self.patience.readback).await.map(|_| true);
            }
            let refused = self.refusal(&request, &answer);
            // Only a no to what the request says is worth another wording.
            if !refused.is_refusal() || !matches!(answer.status, 400 | 409 | 422 | 501) {
                return Err(refused);
            }
            way.refused(&answer.messages(), &mut ways);
            error = Some(refused);
        }
        error.map_or(Ok(false), Err)
    }

    /// Sends a PATCH under the resource's ETag, in whatever form the service understands.
    async fn patch(self: &Arc<Self>, request: &mut Request, tags: &Tags) -> Result<Answer, RedfishError> {
        let form = self.state().systems.form;
        let mut left = tags.candidates(form);
        let mut fresh = false;
        loop {
            let (form, header) = left.remove(0);
            request.if_match.clone_from(&header);
            let answer = self.call(request).await?;
            if !matches!(answer.status, 412 | 428) {
                if answer.is_success() && header.is_some() {
                    self.state().systems.form = form;
                }
                return Ok(answer);
            }
            if !std::mem::replace(&mut fresh, true) {
                let now = self.get(&request.url).await?.tags();
                let tried = header;
                left = now.candidates(self.state().systems.form);
                left.retain(|(_, header)| *header != tried);
            }
            // Without a version 428 is the answer that is known already.
            left.retain(|(_, header)| answer.status != 428 || header.is_some());
            if left.is_empty() {
                return Ok(answer);
            }
        }
    }

    /// Reads until it shows what was written: some BMCs take seconds to show it.
    async fn read_back(
        self: &Arc<Self>,
        url: &Url,
        is_so: impl Fn(&BootOverride) -> bool,
        wanted: impl Fn() -> String,
    ) -> Result<BootOverride, RedfishError> {
        let until = Instant::now() + self.patience.readback;
        loop {
            let answer = self.get(url).await?;
            let shown = Shown::of(&answer.body).set;
            if let Some(shown) = shown.as_ref().filter(|shown| is_so(shown)) {
                return Ok(shown.clone());
            }
            if Instant::now() >= until {
                let shown = describe(shown.as_ref());
                return Err(RedfishError::NotApplied { bmc: self.bmc(), wanted: wanted(), shown });
            }
            tokio::time::sleep(self.patience.pause).await;
        }
    }
}
