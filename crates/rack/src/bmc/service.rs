//! The Redfish service of one BMC: a request and the time in, an answer and what happened to the hardware out. Pure apart from
//! the tokens of sessions, which nobody may guess.
//!
//! Invariants: nothing but what DSP0266, "Authentication", exempts is shown without credentials; a request that is refused
//! changes nothing.

mod change;
#[cfg(test)]
mod tests;

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderMap, Method};
use serde_json::Value;

use super::{
    answer::{Answer, Body},
    faults::Spell,
    path::{Found, Resource, resolve},
    profile::{EtagForm, Place, Profile, Wording},
    resources::Writer,
    sessions::Sessions,
    system::{Change, System},
    tasks::Tasks,
};

/// A request as it was received.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: bytes::Bytes,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Who may log in.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The only account's name.
    pub username: String,
    /// And its password.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

/// A request that changed power, or tried to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResetRecord {
    /// When it was received, since the start of the emulator.
    pub at: Duration,
    /// Which system.
    pub system: usize,
    /// What was asked for.
    pub reset: super::system::ResetType,
    /// What was answered.
    pub status: u16,
    /// It was answered as if it had been carried out, and was not.
    pub ignored: bool,
}

/// The service.
#[derive(Debug)]
pub(super) struct Service {
    profile: Profile,
    uuid: uuid::Uuid,
    credentials: Credentials,
    pub(super) systems: Vec<System>,
    pub(super) sessions: Sessions,
    tasks: Tasks,
    pub(super) resets: Vec<ResetRecord>,
}

/// What a request came to.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) answer: Answer,
    pub(super) changes: Vec<(usize, Change)>,
}

impl Service {
    pub(super) fn new(profile: Profile, uuid: uuid::Uuid, credentials: Credentials, systems: Vec<System>) -> Self {
        Self {
            profile,
            uuid,
            credentials,
            systems,
            sessions: Sessions::default(),
            tasks: Tasks::default(),
            resets: Vec::new(),
        }
    }

    /// Lets time pass.
    pub(super) fn advance(&mut self, now: Duration) -> Vec<(usize, Change)> {
        self.sessions.expire(self.profile.sessions.timeout, now);
        let each = self.systems.iter_mut().enumerate();
        each.flat_map(|(index, system)| system.advance(now).into_iter().map(move |change| (index, change))).collect()
    }

    /// When [`Self::advance`] has something to do for the systems.
    pub(super) fn due(&self) -> Option<Duration> {
        self.systems.iter().filter_map(System::due).min()
    }

    /// Answers a request, under these faults.
    pub(super) fn handle(&mut self, request: &Request, spell: &mut Spell, now: Duration) -> Outcome {
        let mut changes = self.advance(now);
        let mut answer = self.answer(request, spell, now, &mut changes);
        if self.profile.wording == Wording::IdsOnly {
            answer.body.keep_message_ids_only();
        }
        // Every answer says so (DSP0266, "Response headers"); what is shown is state that nobody may cache.
        answer.headers.push(("OData-Version", "4.0".to_owned()));
        answer.headers.push(("Cache-Control", "no-cache".to_owned()));
        Outcome { answer, changes }
    }

    fn answer(
        &mut self,
        request: &Request,
        spell: &mut Spell,
        now: Duration,
        changes: &mut Vec<(usize, Change)>,
    ) -> Answer {
        if request.header("odata-version").is_some_and(|version| version != "4.0") {
            return Answer::error(412, "PreconditionFailed", "The service supports OData-Version 4.0 only.");
        }
        let path = request.path.as_str();
        let resource = match resolve(&self.profile, self.systems.len(), path) {
            Found::Here(resource) => resource,
            Found::Elsewhere => return Answer::empty(308).with("Location", format!("{path}/")),
            Found::Nothing if self.may_enter(request, now) => return Answer::missing(path),
            Found::Nothing => return self.unauthorized(),
        };
        if !is_open(resource, &request.method) && !self.may_enter(request, now) {
            return self.unauthorized();
        }
        let methods = resource.methods();
        if !methods.split(", ").any(|method| method == request.method.as_str()) {
            return Answer::wrong_method(methods);
        }
        match request.method {
            Method::GET | Method::HEAD => self.show(resource, path, spell, now).with("Allow", methods),
            _ => self.change(resource, request, spell, now, changes),
        }
    }

    fn may_enter(&mut self, request: &Request, now: Duration) -> bool {
        if let Some(token) = request.header("x-auth-token") {
            return self.sessions.used(token, now).is_some();
        }
        let basic = request.header("authorization").and_then(|value| {
            let (scheme, encoded) = value.split_once(' ')?;
            let decoded = BASE64_STANDARD.decode(encoded.trim()).ok()?;
            let (username, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
            scheme.eq_ignore_ascii_case("basic").then(|| (username.to_owned(), password.to_owned()))
        });
        self.profile.sessions.basic && basic.is_some_and(|(username, password)| self.knows(&username, &password))
    }

    fn knows(&self, username: &str, password: &str) -> bool {
        self.credentials.username == username && self.credentials.password == password
    }

    fn unauthorized(&self) -> Answer {
        let answer =
            Answer::error(401, "NoValidSession", "There is no valid session established with the implementation.");
        if self.profile.sessions.basic { answer.with("WWW-Authenticate", "Basic realm=\"Redfish\"") } else { answer }
    }

    fn writer(&self) -> Writer<'_> {
        Writer { profile: &self.profile, systems: self.systems.len(), uuid: self.uuid }
    }

    fn show(&self, resource: Resource, path: &str, spell: &Spell, now: Duration) -> Answer {
        let writer = self.writer();
        let systems = 0..self.systems.len();
        let value = match resource {
            // No resource: it has no entity tag, and nothing but this member (DSP0266, "Protocol version").
            Resource::Versions => return Answer::json(200, Writer::versions()),
            Resource::Root => writer.root(),
            Resource::Odata => writer.odata(),
            Resource::Metadata => return Answer { status: 200, headers: vec![], body: Body::Xml(Writer::metadata()) },
            Resource::Systems => writer.collection(resource, "ComputerSystem", systems.map(Resource::System)),
            Resource::System(index) => self.system(index, spell, now),
            Resource::Settings(index) => writer.settings(index, &self.systems[index]),
            Resource::ResetInfo(index) => writer.reset_info(index),
            Resource::ChassisCollection => writer.collection(resource, "Chassis", [Resource::Chassis].into_iter()),
            Resource::Chassis => writer.chassis(),
            Resource::Managers => writer.collection(resource, "Manager", [Resource::Manager].into_iter()),
            Resource::Manager => writer.manager(),
            Resource::SessionService => writer.session_service(),
            Resource::Sessions => writer.collection(resource, "Session", self.sessions.ids().map(Resource::Session)),
            Resource::Session(id) => match self.sessions.get(id) {
                Some(session) => writer.session(session),
                None => return Answer::missing(path),
            },
            Resource::TaskService => writer.task_service(),
            Resource::Tasks => writer.collection(resource, "Task", self.tasks.ids().map(Resource::Task)),
            Resource::Task(id) | Resource::TaskMonitor(id) => match self.tasks.get(id) {
                Some(task) if matches!(resource, Resource::Task(_)) => writer.task(task, now),
                Some(task) => return self.monitor(task, now),
                None => return Answer::missing(path),
            },
            Resource::Reset(_) => return Answer::missing(path),
        };
        let link = described_by(&value);
        let answer = self.tagged(Answer::json(200, value));
        match link {
            Some(link) => answer.with("Link", link),
            None => answer,
        }
    }

    fn system(&self, index: usize, spell: &Spell, now: Duration) -> Value {
        let system = &self.systems[index];
        let power = system.shown(self.profile.power.transition, spell.power_lag, now);
        self.writer().system(index, system, power.as_ref())
    }

    /// 202 while it runs, then the answer of the operation (DSP0266, "Asynchronous operations").
    fn monitor(&self, task: &super::tasks::Task, now: Duration) -> Answer {
        if task.is_running(now) {
            let location = Resource::TaskMonitor(task.id).path(&self.profile);
            return Answer::json(202, self.writer().task(task, now))
                .with("Location", location)
                .with("Retry-After", "1");
        }
        if task.fails {
            return Answer::error(500, "InternalError", "The operation of the task failed.");
        }
        Answer::success()
    }

    /// Gives an answer with a resource its entity tag, in the header and in the body.
    fn tagged(&self, mut answer: Answer) -> Answer {
        if let Body::Json(value) = &mut answer.body
            && let Some(tag) = self.tag(value)
        {
            value["@odata.etag"] = tag.clone().into();
            answer.headers.push(("ETag", tag));
        }
        answer
    }

    fn tag(&self, value: &Value) -> Option<String> {
        let mut hasher = DefaultHasher::new();
        value.to_string().hash(&mut hasher);
        let hash = hasher.finish();
        match self.profile.etags.form {
            EtagForm::Absent => None,
            EtagForm::Strong => Some(format!("\"{hash:016x}\"")),
            EtagForm::Weak => Some(format!("W/\"{hash:016x}\"")),
        }
    }

    /// What a PATCH at this resource would replace, which its precondition is about.
    fn patched(&self, resource: Resource, spell: &Spell, now: Duration) -> Result<(usize, Value), Answer> {
        match (resource, self.profile.boot.place) {
            (Resource::System(index), Place::System | Place::SystemDespite(_)) => {
                Ok((index, self.system(index, spell, now)))
            }
            (Resource::Settings(index), Place::Settings(..)) => {
                Ok((index, self.writer().settings(index, &self.systems[index])))
            }
            (Resource::System(_), Place::Settings(_, refusal)) => Err(Answer::refusal(refusal)),
            (Resource::Settings(_), _) => Err(Answer::error(
                400,
                "PropertyNotWritable",
                "The boot source override is changed at the system; this resource takes BootOrder only.",
            )),
            _ => Err(Answer::wrong_method(resource.methods())),
        }
    }
}

/// The root, the version, the documents of `OData`, and the way in (DSP0266, "Authentication").
fn is_open(resource: Resource, method: &Method) -> bool {
    match resource {
        Resource::Versions | Resource::Root | Resource::Odata | Resource::Metadata => true,
        Resource::Sessions => *method == Method::POST,
        _ => false,
    }
}

/// The schema of a resource, as a Link header names it (DSP0266, "Link header").
fn described_by(value: &Value) -> Option<String> {
    let name = value["@odata.type"].as_str()?.strip_prefix('#')?.split('.').next()?;
    Some(format!("<http://redfish.dmtf.org/schemas/v1/{name}.json>; rel=describedby"))
}
