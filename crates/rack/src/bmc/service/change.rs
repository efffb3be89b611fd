//! Requests that change something: sessions, resets, boot overrides.

use std::time::Duration;

use http::Method;
use metalman_core::lifecycle::bmc::BootOverride;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Request, ResetRecord, Service};
use crate::bmc::{
    answer::Answer,
    faults::Spell,
    path::Resource,
    profile::{Comparison, Mode, PatchReply, Reply},
    system::{Change, NoReset, ResetType},
};

impl Service {
    pub(super) fn change(
        &mut self,
        resource: Resource,
        request: &Request,
        spell: &mut Spell,
        now: Duration,
        changes: &mut Vec<(usize, Change)>,
    ) -> Answer {
        if request.method == Method::DELETE {
            return match resource {
                Resource::Session(id) if self.sessions.close(id) => Answer::empty(204),
                _ => Answer::missing(&request.path),
            };
        }
        let body = match document(request) {
            Ok(body) => body,
            Err(refused) => return refused,
        };
        match resource {
            Resource::Sessions => self.log_in(&body, now),
            Resource::Reset(index) => self.reset(index, &body, spell, now, changes),
            _ => self.patch(resource, request, &body, spell, now),
        }
    }

    fn log_in(&mut self, body: &Map<String, Value>, now: Duration) -> Answer {
        let field = |name: &str| body.get(name).and_then(Value::as_str);
        let (Some(username), Some(password)) = (field("UserName"), field("Password")) else {
            return Answer::error(400, "PropertyMissing", "UserName and Password are required.");
        };
        if !self.knows(username, password) {
            return Answer::error(401, "ResourceAtUriUnauthorized", "The credentials provided are not valid.");
        }
        let token = Uuid::new_v4().simple().to_string();
        let rules = self.profile.sessions;
        let Some(session) = self.sessions.open(username, token.clone(), rules.limit, now).cloned() else {
            let (id, message) = rules.message;
            return Answer::error(rules.exhausted, id, message);
        };
        let location = Resource::Session(session.id).path(&self.profile);
        let answer = self.tagged(Answer::json(201, self.writer().session(&session)));
        answer.with("Location", location).with("X-Auth-Token", token)
    }

    fn reset(
        &mut self,
        index: usize,
        body: &Map<String, Value>,
        spell: &mut Spell,
        now: Duration,
        changes: &mut Vec<(usize, Change)>,
    ) -> Answer {
        let Some(word) = body.get("ResetType").and_then(Value::as_str) else {
            return Answer::error(400, "ActionParameterMissing", "The action ComputerSystem.Reset requires ResetType.");
        };
        let Some(reset) = ResetType::parse(word).filter(|reset| self.profile.power.resets.contains(reset)) else {
            let message =
                format!("The value '{word}' for the parameter ResetType is not in the list of acceptable values.");
            return Answer::error(400, "ActionParameterNotSupported", message);
        };
        let ignored = spell.ignores_reset();
        let unsettled = self.systems[index].off_for(now).is_some_and(|off| off < self.profile.power.settles);
        let outcome = if ignored {
            Ok(())
        } else if unsettled && reset == ResetType::On {
            Err(NoReset::NotNow)
        } else {
            let (happened, outcome) = self.systems[index].reset(reset, now);
            changes.extend(happened.into_iter().map(|change| (index, change)));
            outcome
        };
        let answer = match (outcome, self.profile.power.already) {
            (Err(NoReset::Already), Some(refusal)) => Answer::refusal(refusal),
            (Err(NoReset::NotNow), _) => Answer::refusal(self.profile.power.impossible),
            _ => self.carried_out(index, spell, now),
        };
        self.resets.push(ResetRecord { at: now, system: index, reset, status: answer.status, ignored });
        answer
    }

    fn carried_out(&mut self, index: usize, spell: &mut Spell, now: Duration) -> Answer {
        match self.profile.power.reply {
            Reply::NoContent => Answer::empty(204),
            Reply::Success => Answer::success(),
            Reply::Task => {
                let ends = self.systems[index].due().unwrap_or(now);
                self.task("Reset", ends, spell, now)
            }
        }
    }

    fn task(&mut self, name: &str, ends: Duration, spell: &mut Spell, now: Duration) -> Answer {
        let task = self.tasks.start(name.to_owned(), ends, spell.fails_task());
        let location = Resource::TaskMonitor(task.id).path(&self.profile);
        Answer::json(202, self.writer().task(&task, now)).with("Location", location).with("Retry-After", "1")
    }

    fn patch(
        &mut self,
        resource: Resource,
        request: &Request,
        body: &Map<String, Value>,
        spell: &mut Spell,
        now: Duration,
    ) -> Answer {
        let (index, before) = match self.patched(resource, spell, now) {
            Ok(found) => found,
            Err(refused) => return refused,
        };
        if let Err(refused) = self.precondition(request, &before) {
            return refused;
        }
        let wanted = match self.wanted_override(index, body, &before) {
            Ok(wanted) => wanted,
            Err(refused) => return refused,
        };
        if !spell.ignores_override() {
            self.systems[index].set_override(wanted, now);
        }
        match self.profile.boot.reply {
            PatchReply::NoContent => Answer::empty(204),
            PatchReply::Success => Answer::success(),
            PatchReply::Task => self.task("Boot override", now, spell, now),
            PatchReply::Resource => {
                let after = self.patched(resource, spell, now);
                after.map_or_else(|refused| refused, |(_, value)| self.tagged(Answer::json(200, value)))
            }
        }
    }

    /// A change of what is another meanwhile is 412, and one without precondition is refused where one is required
    /// (DSP0266, "`ETags`").
    fn precondition(&self, request: &Request, before: &Value) -> Result<(), Answer> {
        let rules = self.profile.etags;
        let Some(tag) = self.tag(before) else { return Ok(()) };
        let Some(condition) = request.header("if-match") else {
            return rules.missing.map_or(Ok(()), |refusal| Err(Answer::refusal(refusal)));
        };
        let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        let matches = condition.split(',').map(str::trim).any(|given| {
            let weak = given.starts_with("W/") && rules.comparison == Comparison::Strong;
            given == "*" || (opaque(given) == opaque(&tag) && !weak)
        });
        if matches {
            return Ok(());
        }
        let message = "The ETag supplied did not match the ETag required to change this resource.";
        Err(Answer::error(412, "PreconditionFailed", message))
    }

    /// The override that a PATCH asks for, or why it may not.
    fn wanted_override(&self, index: usize, body: &Map<String, Value>, before: &Value) -> Result<BootOverride, Answer> {
        let rules = self.profile.boot;
        let mut named = body.iter().filter(|(name, _)| !name.contains('@')).peekable();
        if named.peek().is_none() {
            return Err(Answer::error(400, "NoOperation", "The request body has no property to update."));
        }
        if let Some((name, _)) = named.find(|(name, _)| *name != "Boot") {
            return Err(not_writable(name, before.get(name).is_some()));
        }
        let Some(boot) = body["Boot"].as_object() else {
            return Err(Answer::error(400, "PropertyValueTypeError", "The property Boot is an object."));
        };
        let mut wanted = self.systems[index].boot_override().clone();
        for (name, value) in boot.iter().filter(|(name, _)| !name.contains('@')) {
            let Some(word) = value.as_str() else {
                let message = format!("The value {value} for the property {name} is of a different type.");
                return Err(Answer::error(400, "PropertyValueTypeError", message));
            };
            let allowed = match name.as_str() {
                "BootSourceOverrideEnabled" => word == "Disabled" || rules.enabled.contains(&word),
                "BootSourceOverrideTarget" => (word == "None" && !rules.none_refused) || rules.targets.contains(&word),
                "BootSourceOverrideMode" if !matches!(rules.mode, Mode::Absent | Mode::ReadOnly) => {
                    ["UEFI", "Legacy"].contains(&word)
                }
                _ => return Err(not_writable(name, before["Boot"].get(name).is_some())),
            };
            if !allowed {
                let message =
                    format!("The value '{word}' for the property {name} is not in the list of acceptable values.");
                return Err(Answer::error(400, "PropertyValueNotInList", message));
            }
            match name.as_str() {
                "BootSourceOverrideEnabled" => word.clone_into(&mut wanted.enabled),
                "BootSourceOverrideTarget" => word.clone_into(&mut wanted.target),
                _ => wanted.mode = Some(word.to_owned()),
            }
        }
        if rules.mode == Mode::Forgotten && !boot.contains_key("BootSourceOverrideMode") {
            wanted.mode = Some("Legacy".to_owned());
        }
        if rules.mode == Mode::Required && wanted.is_active() && !boot.contains_key("BootSourceOverrideMode") {
            let message = "The property BootSourceOverrideMode is required with the others.";
            return Err(Answer::error(400, "PropertyMissing", message));
        }
        match rules.post {
            Some(refusal) if self.systems[index].in_post() => Err(Answer::refusal(refusal)),
            _ => Ok(wanted),
        }
    }
}

fn not_writable(name: &str, exists: bool) -> Answer {
    if exists {
        Answer::error(400, "PropertyNotWritable", format!("The property {name} is a read-only property."))
    } else {
        Answer::error(400, "PropertyUnknown", format!("The property {name} is not in the list of valid properties."))
    }
}

/// The JSON object that a request brings.
fn document(request: &Request) -> Result<Map<String, Value>, Answer> {
    let kind = request.header("content-type").unwrap_or("application/json");
    if !kind.to_ascii_lowercase().starts_with("application/json") {
        return Err(Answer::error(415, "UnsupportedMediaType", "The service takes application/json."));
    }
    match serde_json::from_slice(&request.body) {
        Ok(Value::Object(object)) => Ok(object),
        _ => Err(Answer::error(400, "MalformedJSON", "The request body was malformed JSON, or not an object.")),
    }
}
