//! What the service answers, asked without sockets.

use http::HeaderValue;
use serde_json::json;

use super::*;
use crate::bmc::{
    faults::{Chaos, Faults, Trouble},
    profile::{BootRules, Comparison, Consumed, Etags, Mode, Refusal, Reply, Slash},
    system::{BootSource, Timings},
};

const NOW: Duration = Duration::from_secs(1000);
const SYSTEM: &str = "/redfish/v1/Systems/1";

struct Rig {
    service: Service,
    trouble: Trouble,
    now: Duration,
    etag: Option<String>,
}

impl Rig {
    fn new(change: impl FnOnce(&mut Profile)) -> Self {
        let mut profile = Profile::plain();
        change(&mut profile);
        let systems = (0..2).map(|_| System::new(profile.boot, Timings::default(), vec![BootSource::Disk])).collect();
        let credentials = Credentials { username: "admin".to_owned(), password: "secret".to_owned() };
        Self {
            service: Service::new(profile, uuid::Uuid::nil(), credentials, systems),
            trouble: Trouble::new(Faults::default(), Chaos::default()),
            now: NOW,
            etag: None,
        }
    }

    fn send(&mut self, method: Method, path: &str, headers: &[(&'static str, &str)], body: Option<&Value>) -> Answer {
        let mut request = Request {
            method,
            path: path.to_owned(),
            headers: HeaderMap::new(),
            body: body.map_or_else(bytes::Bytes::new, |body| body.to_string().into()),
        };
        for (name, value) in headers {
            request.headers.insert(*name, HeaderValue::from_str(value).unwrap());
        }
        let mut spell = self.trouble.next();
        let outcome = self.service.handle(&request, &mut spell, self.now);
        self.trouble.settle(&spell);
        outcome.answer
    }

    /// With Basic authentication, and `If-Match` where one was given.
    fn ask(&mut self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let etag = self.etag.clone();
        let basic = format!("Basic {}", BASE64_STANDARD.encode("admin:secret"));
        let mut headers = vec![("authorization", &*basic)];
        headers.extend(etag.as_deref().map(|etag| ("if-match", etag)));
        self.send(method, path, &headers, body)
    }

    fn get(&mut self, path: &str) -> Value {
        let answer = self.ask(Method::GET, path, None);
        assert_eq!(answer.status, 200, "GET {path}: {answer:?}");
        json_of(answer)
    }

    fn reset(&mut self, word: &str) -> Answer {
        let path = format!("{SYSTEM}/Actions/ComputerSystem.Reset");
        self.ask(Method::POST, &path, Some(&json!({ "ResetType": word })))
    }

    fn patch(&mut self, boot: &Value) -> Answer {
        self.ask(Method::PATCH, SYSTEM, Some(&json!({ "Boot": boot })))
    }
}

fn json_of(answer: Answer) -> Value {
    match answer.body {
        Body::Json(value) => value,
        other => panic!("no JSON: {other:?}"),
    }
}

fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
}

#[track_caller]
fn refused(answer: &Answer, status: u16, id: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    let Body::Json(body) = &answer.body else { panic!("{answer:?}") };
    let message = &body["error"]["@Message.ExtendedInfo"][0]["MessageId"];
    assert!(message.as_str().is_some_and(|known| known.ends_with(id)), "{message} is not {id}");
}

#[test]
fn only_the_way_in_is_open() {
    let mut rig = Rig::new(|_| {});
    for path in ["/redfish", "/redfish/v1/", "/redfish/v1", "/redfish/v1/odata", "/redfish/v1/$metadata"] {
        assert_eq!(rig.send(Method::GET, path, &[], None).status, 200, "{path}");
    }
    for path in ["/redfish/v1/Systems", SYSTEM, "/redfish/v1/SessionService/Sessions", "/redfish/v1/nothing"] {
        let answer = rig.send(Method::GET, path, &[], None);
        assert_eq!(answer.status, 401, "{path}");
        assert!(header(&answer, "WWW-Authenticate").is_some());
    }
    let forged = format!("Basic {}", BASE64_STANDARD.encode("admin:wrong"));
    assert_eq!(rig.send(Method::GET, SYSTEM, &[("authorization", &forged)], None).status, 401);
    assert_eq!(rig.send(Method::GET, SYSTEM, &[("x-auth-token", "guess")], None).status, 401);
    let mut closed = Rig::new(|profile| profile.sessions.basic = false);
    assert_eq!(closed.ask(Method::GET, SYSTEM, None).status, 401);
}

#[test]
fn sessions_open_run_out_expire_and_close() {
    let mut rig = Rig::new(|profile| profile.sessions.limit = 2);
    let sessions = "/redfish/v1/SessionService/Sessions";
    let login = json!({ "UserName": "admin", "Password": "secret" });
    let opened = rig.send(Method::POST, sessions, &[], Some(&login));
    assert_eq!(opened.status, 201);
    let token = header(&opened, "X-Auth-Token").unwrap().to_owned();
    let location = header(&opened, "Location").unwrap().to_owned();
    assert_eq!(rig.send(Method::GET, SYSTEM, &[("x-auth-token", &token)], None).status, 200);
    assert_eq!(rig.send(Method::POST, sessions, &[], Some(&login)).status, 201);
    refused(&rig.send(Method::POST, sessions, &[], Some(&login)), 503, "SessionLimitExceeded");
    let wrong = json!({ "UserName": "admin", "Password": "wrong" });
    assert_eq!(rig.send(Method::POST, sessions, &[], Some(&wrong)).status, 401);
    assert_eq!(rig.send(Method::DELETE, &location, &[("x-auth-token", &token)], None).status, 204);
    assert_eq!(rig.send(Method::GET, SYSTEM, &[("x-auth-token", &token)], None).status, 401);
    assert_eq!(rig.service.sessions.count(), 1);
    rig.now += Profile::plain().sessions.timeout;
    rig.service.advance(rig.now);
    assert_eq!(rig.service.sessions.count(), 0);
}

#[test]
fn links_lead_to_resources_that_name_themselves() {
    for profile in Profile::all() {
        let mut rig = Rig::new(|rigged| *rigged = profile.clone());
        rig.service.tasks.start("Task".to_owned(), NOW, false);
        let login = json!({ "UserName": "admin", "Password": "secret" });
        let opened = rig.send(Method::POST, &Resource::Sessions.path(&profile), &[], Some(&login));
        let token = header(&opened, "X-Auth-Token").unwrap().to_owned();
        let mut seen = std::collections::BTreeSet::new();
        let mut open = vec!["/redfish/v1/".to_owned()];
        while let Some(path) = open.pop() {
            if !seen.insert(path.clone()) {
                continue;
            }
            let answer = rig.send(Method::GET, &path, &[("x-auth-token", &token)], None);
            assert_eq!(answer.status, 200, "{} {path}", profile.name);
            let value = json_of(answer);
            assert_eq!(value["@odata.id"], *path, "{}", profile.name);
            links(&value, &mut open);
        }
        assert!(seen.len() > 10, "{}: {seen:?}", profile.name);
    }
}

fn links(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                match value.as_str() {
                    Some(path) if name == "@odata.id" || name == "@Redfish.ActionInfo" => found.push(path.to_owned()),
                    _ => links(value, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| links(value, found)),
        _ => {}
    }
}

#[test]
fn systems_behind_one_bmc_are_apart() {
    let mut rig = Rig::new(|_| {});
    assert_eq!(rig.reset("On").status, 204);
    assert_eq!(rig.get(SYSTEM)["PowerState"], "PoweringOn");
    assert_eq!(rig.get("/redfish/v1/Systems/2")["PowerState"], "Off");
}

#[test]
fn a_reset_is_refused_with_the_reason() {
    let mut rig = Rig::new(|profile| profile.power.already = Some(profile.power.impossible));
    refused(&rig.reset("Explode"), 400, "ActionParameterNotSupported");
    let nothing = rig.ask(Method::POST, &format!("{SYSTEM}/Actions/ComputerSystem.Reset"), Some(&json!({})));
    refused(&nothing, 400, "ActionParameterMissing");
    refused(&rig.reset("ForceOff"), 409, "ResourceInUse");
    assert_eq!(rig.service.resets.len(), 1, "{:?}", rig.service.resets);
}

#[test]
fn an_ignored_reset_looks_like_any_other() {
    let mut rig = Rig::new(|_| {});
    rig.trouble.set.ignored_resets = 1;
    assert_eq!(rig.reset("On").status, 204);
    assert_eq!(rig.get(SYSTEM)["PowerState"], "Off");
    assert_eq!(rig.reset("On").status, 204);
    assert_eq!(rig.get(SYSTEM)["PowerState"], "PoweringOn");
    assert_eq!(rig.service.resets.iter().map(|reset| reset.ignored).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn the_boot_override_takes_what_is_allowed() {
    let mut rig = Rig::new(|profile| profile.boot.enabled = &["Once"]);
    let answer = rig.patch(&json!({ "BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Pxe" }));
    assert_eq!(answer.status, 200);
    let boot = &rig.get(SYSTEM)["Boot"];
    assert_eq!(
        (&boot["BootSourceOverrideEnabled"], &boot["BootSourceOverrideTarget"]),
        (&json!("Once"), &json!("Pxe"))
    );
    refused(&rig.patch(&json!({ "BootSourceOverrideTarget": "Moon" })), 400, "PropertyValueNotInList");
    refused(&rig.patch(&json!({ "BootSourceOverrideEnabled": "Continuous" })), 400, "PropertyValueNotInList");
    refused(&rig.patch(&json!({ "BootSourceOverrideTarget": 7 })), 400, "PropertyValueTypeError");
    refused(&rig.patch(&json!({ "Unheard": "of" })), 400, "PropertyUnknown");
    refused(&rig.ask(Method::PATCH, SYSTEM, Some(&json!({ "PowerState": "On" }))), 400, "PropertyNotWritable");
    refused(&rig.ask(Method::PATCH, SYSTEM, Some(&json!({}))), 400, "NoOperation");
    refused(&rig.send(Method::DELETE, SYSTEM, &[], None), 401, "NoValidSession");
    refused(&rig.ask(Method::DELETE, SYSTEM, None), 405, "OperationNotAllowed");
}

#[test]
fn the_mode_of_an_override_is_a_profiles_affair() {
    let with_mode = json!({ "BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Pxe", "BootSourceOverrideMode": "UEFI" });
    let without = json!({ "BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Pxe" });
    for (mode, named, unnamed) in [
        (Mode::Absent, Err("PropertyUnknown"), Ok(())),
        (Mode::ReadOnly, Err("PropertyNotWritable"), Ok(())),
        (Mode::Writable, Ok(()), Ok(())),
        (Mode::Required, Ok(()), Err("PropertyMissing")),
    ] {
        for (boot, expected) in [(&with_mode, named), (&without, unnamed)] {
            let mut rig = Rig::new(|profile| profile.boot.mode = mode);
            let answer = rig.patch(boot);
            match expected {
                Ok(()) => assert_eq!(answer.status, 200, "{mode:?} {boot}"),
                Err(id) => refused(&answer, 400, id),
            }
        }
    }
}

#[test]
fn an_override_is_rejected_during_post_only() {
    let refusal = Refusal { status: 400, id: "UnableToModifyDuringSystemPOST", message: "Not now." };
    let mut rig = Rig::new(|profile| profile.boot.post = Some(refusal));
    let pxe = json!({ "BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Pxe" });
    rig.reset("On");
    rig.now += Timings::default().power_on;
    refused(&rig.patch(&pxe), 400, "UnableToModifyDuringSystemPOST");
    rig.now += Timings::default().post;
    assert_eq!(rig.patch(&pxe).status, 200);
}

#[test]
fn preconditions_hold() {
    let pxe = json!({ "BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Pxe" });
    let mut free = Rig::new(|_| {});
    assert_eq!(free.patch(&pxe).status, 200);

    let missing = Refusal { status: 428, id: "PreconditionRequired", message: "If-Match is required." };
    let mut strict = Rig::new(|profile| profile.etags.missing = Some(missing));
    refused(&strict.patch(&pxe), 428, "PreconditionRequired");
    let tag = header(&strict.ask(Method::GET, SYSTEM, None), "ETag").unwrap().to_owned();
    assert_eq!(strict.get(SYSTEM)["@odata.etag"], *tag);
    strict.etag = Some(tag.clone());
    assert_eq!(strict.patch(&pxe).status, 200);
    refused(&strict.patch(&pxe), 412, "PreconditionFailed");
    strict.etag = Some("*".to_owned());
    assert_eq!(strict.patch(&pxe).status, 200);

    for comparison in [Comparison::Opaque, Comparison::Strong] {
        let mut rig = Rig::new(|profile| {
            profile.etags = Etags { form: EtagForm::Weak, missing: Some(missing), comparison };
        });
        rig.etag = header(&rig.ask(Method::GET, SYSTEM, None), "ETag").map(str::to_owned);
        assert!(rig.etag.as_ref().unwrap().starts_with("W/"));
        assert_eq!(rig.patch(&pxe).status, if comparison == Comparison::Strong { 412 } else { 200 });
    }
}

#[test]
fn a_weak_tag_that_must_be_strong_matches_without_its_mark() {
    let weak = Etags { form: EtagForm::Weak, missing: None, comparison: Comparison::Strong };
    let mut rig = Rig::new(|profile| profile.etags = weak);
    let tag = header(&rig.ask(Method::GET, SYSTEM, None), "ETag").unwrap().to_owned();
    rig.etag = tag.strip_prefix("W/").map(str::to_owned);
    assert_eq!(rig.patch(&json!({ "BootSourceOverrideTarget": "Pxe" })).status, 200);
}

fn link_to_settings(rig: &mut Rig) -> String {
    rig.get(SYSTEM)["@Redfish.Settings"]["SettingsObject"]["@odata.id"].as_str().unwrap().to_owned()
}

#[test]
fn settings_elsewhere_are_taken_over_by_a_boot() {
    let refusal = Refusal { status: 400, id: "Ami.1.0.OperationSupportedInFutureStateURI", message: "Not here." };
    let mut rig = Rig::new(|profile| {
        profile.boot = BootRules { place: Place::Settings("SD", refusal), consumed: Consumed::Never, ..profile.boot };
    });
    let pxe = json!({ "Boot": { "BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Pxe" } });
    refused(&rig.ask(Method::PATCH, SYSTEM, Some(&pxe)), 400, "OperationSupportedInFutureStateURI");
    let link = link_to_settings(&mut rig);
    assert_eq!(rig.ask(Method::PATCH, &link, Some(&pxe)).status, 200);
    assert_eq!(rig.get(&link)["Boot"]["BootSourceOverrideTarget"], "Pxe");
    assert_eq!(rig.get(SYSTEM)["Boot"]["BootSourceOverrideTarget"], "None");
    rig.reset("On");
    rig.now += Timings::default().power_on + Timings::default().post;
    assert_eq!(rig.get(SYSTEM)["Boot"]["BootSourceOverrideTarget"], "Pxe");
}

#[test]
fn a_settings_resource_may_be_for_other_settings() {
    let mut rig = Rig::new(|profile| profile.boot.place = Place::SystemDespite("Settings"));
    let link = link_to_settings(&mut rig);
    let pxe = json!({ "Boot": { "BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Pxe" } });
    refused(&rig.ask(Method::PATCH, &link, Some(&pxe)), 400, "PropertyNotWritable");
    assert_eq!(rig.ask(Method::PATCH, SYSTEM, Some(&pxe)).status, 200);
    assert_eq!(rig.get(SYSTEM)["Boot"]["BootSourceOverrideTarget"], "Pxe");
}

#[test]
fn a_mode_that_is_not_named_is_forgotten_where_it_is() {
    let mut rig = Rig::new(|profile| profile.boot.mode = Mode::Forgotten);
    let mut override_with = |boot: Value| {
        assert_eq!(rig.patch(&boot).status, 200);
        rig.get(SYSTEM)["Boot"]["BootSourceOverrideMode"].clone()
    };
    assert_eq!(override_with(json!({ "BootSourceOverrideTarget": "Pxe" })), "Legacy");
    assert_eq!(override_with(json!({ "BootSourceOverrideTarget": "Pxe", "BootSourceOverrideMode": "UEFI" })), "UEFI");
}

#[test]
fn none_may_be_no_target() {
    let mut rig = Rig::new(|profile| profile.boot.none_refused = true);
    let clear = json!({ "BootSourceOverrideEnabled": "Disabled", "BootSourceOverrideTarget": "None" });
    refused(&rig.patch(&clear), 400, "PropertyValueNotInList");
    assert_eq!(rig.patch(&json!({ "BootSourceOverrideEnabled": "Disabled" })).status, 200);
}

#[test]
fn a_system_that_just_went_off_may_have_to_settle() {
    let mut rig = Rig::new(|profile| profile.power.settles = Duration::from_secs(5));
    rig.reset("On");
    rig.now += Duration::from_mins(1);
    rig.reset("ForceOff");
    rig.now += Timings::default().power_off;
    refused(&rig.reset("On"), 409, "ResourceInUse");
    rig.now += Duration::from_secs(5);
    assert_eq!(rig.reset("On").status, 204);
}

#[test]
fn some_name_messages_and_leave_them_unsaid() {
    let mut rig = Rig::new(|profile| profile.wording = Wording::IdsOnly);
    let error = json_of(rig.reset("Explode"));
    let message = error["error"]["@Message.ExtendedInfo"][0].as_object().unwrap();
    assert_eq!(message.keys().collect::<Vec<_>>(), ["MessageArgs", "MessageId"]);
}

#[test]
fn a_task_runs_until_power_has_changed() {
    let mut rig = Rig::new(|profile| profile.power.reply = Reply::Task);
    let accepted = rig.reset("On");
    assert_eq!(accepted.status, 202);
    let monitor = header(&accepted, "Location").unwrap().to_owned();
    assert_eq!(json_of(accepted)["TaskState"], "Running");
    assert_eq!(rig.ask(Method::GET, &monitor, None).status, 202);
    rig.now += Timings::default().power_on;
    assert_eq!(rig.ask(Method::GET, &monitor, None).status, 200);
    rig.trouble.set.failing_tasks = 1;
    let failing = rig.reset("ForceOff");
    rig.now += Timings::default().power_off;
    let monitor = header(&failing, "Location").unwrap().to_owned();
    assert_eq!(rig.ask(Method::GET, &monitor, None).status, 500);
}

#[test]
fn slashes_matter_where_they_do() {
    let slashed = format!("{SYSTEM}/");
    for (slash, bare, with) in [(Slash::Either, 200, 200), (Slash::Without, 200, 404), (Slash::With, 308, 200)] {
        let mut rig = Rig::new(|profile| profile.slash = slash);
        assert_eq!(rig.ask(Method::GET, SYSTEM, None).status, bare, "{slash:?}");
        assert_eq!(rig.ask(Method::GET, &slashed, None).status, with, "{slash:?}");
        assert_eq!(rig.ask(Method::GET, "/redfish/v1", None).status, 200, "{slash:?}");
    }
}

#[test]
fn other_versions_of_odata_and_other_media_are_refused() {
    let mut rig = Rig::new(|_| {});
    assert_eq!(rig.send(Method::GET, "/redfish/v1/", &[("odata-version", "3.0")], None).status, 412);
    let form = rig.send(
        Method::POST,
        "/redfish/v1/SessionService/Sessions",
        &[("content-type", "application/x-www-form-urlencoded")],
        Some(&json!({})),
    );
    assert_eq!(form.status, 415);
}
