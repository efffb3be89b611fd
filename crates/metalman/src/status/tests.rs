use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use axum::http::{Method, Request, Response, StatusCode};
use kube::{Client, client::Body};
use metalman_core::api::{Machine, MachineStatus, Phase};
use serde_json::{Value, json};

use super::{Outcome, StatusError, StatusWriter, difference};
use crate::{
    election::{Term, boot_time},
    metrics::Metrics,
};

/// One Machine, and what it was asked.
#[derive(Default)]
struct Server {
    machine: Option<Value>,
    /// Patches to refuse with a conflict, as if somebody else had written.
    conflicts: u32,
    patches: Vec<Value>,
}

fn machine(version: &str, status: &Value) -> Value {
    json!({
        "apiVersion": "unbounded-cloud.io/v1alpha3", "kind": "Machine",
        "metadata": { "name": "a", "uid": "u1", "resourceVersion": version }, "spec": {}, "status": status,
    })
}

fn failure(code: u16, reason: &str) -> (StatusCode, Value) {
    let status = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": reason, "code": code });
    (StatusCode::from_u16(code).expect("a code"), status)
}

fn writer(server: &Arc<Mutex<Server>>) -> StatusWriter {
    let server = server.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let server = server.clone();
        async move {
            let (method, path) = (request.method().clone(), request.uri().path().to_owned());
            let body = request.into_body().collect_bytes().await.unwrap_or_default();
            let mut server = server.lock().expect("not poisoned");
            let (code, answer) = match (method, path.as_str()) {
                (Method::GET, "/apis/unbounded-cloud.io/v1alpha3/machines/a") => match &server.machine {
                    Some(machine) => (StatusCode::OK, machine.clone()),
                    None => failure(404, "NotFound"),
                },
                (Method::PATCH, "/apis/unbounded-cloud.io/v1alpha3/machines/a/status") => {
                    server.patches.push(serde_json::from_slice(&body).expect("JSON"));
                    if server.conflicts > 0 {
                        server.conflicts -= 1;
                        server.machine = Some(machine("9", &json!({ "power": "Off" })));
                        failure(409, "Conflict")
                    } else {
                        (StatusCode::OK, machine("10", &json!({ "phase": "Pending" })))
                    }
                }
                other => panic!("unexpected {other:?}"),
            };
            let answer = Response::builder().status(code).body(Body::from(answer.to_string().into_bytes()));
            Ok::<_, Infallible>(answer.expect("a response"))
        }
    });
    StatusWriter::new(Client::new(service, "default"), Arc::new(Metrics::new()))
}

fn server(status: &Value, conflicts: u32) -> Arc<Mutex<Server>> {
    Arc::new(Mutex::new(Server { machine: Some(machine("7", status)), conflicts, patches: Vec::new() }))
}

fn term() -> Term {
    Term::new(1, boot_time() + std::time::Duration::from_hours(1))
}

#[tokio::test]
async fn sends_the_difference_guarded_by_what_was_read() {
    let server = server(&json!({ "power": "On", "message": "old", "newer": { "field": 1 } }), 0);
    let change = |_: &Machine, status: &mut MachineStatus| {
        status.phase = Some(Phase::Pending);
        status.message = None;
    };
    let outcome = writer(&server).update(&term(), "a", Some("u1"), change).await;
    assert!(matches!(outcome.expect("written"), Outcome::Written(_)));
    let expected = json!({
        "apiVersion": "unbounded-cloud.io/v1alpha3", "kind": "Machine",
        "metadata": { "resourceVersion": "7" }, "status": { "phase": "Pending", "message": null },
    });
    assert_eq!(server.lock().expect("not poisoned").patches, [expected]);
}

#[tokio::test]
async fn nothing_is_sent_when_nothing_changed() {
    let server = server(&json!({ "power": "On" }), 0);
    let outcome = writer(&server).update(&term(), "a", None, |_, status| status.power = Some("On".into())).await;
    assert!(matches!(outcome.expect("no failure"), Outcome::Unchanged));
    assert!(server.lock().expect("not poisoned").patches.is_empty());
}

#[tokio::test]
async fn a_conflict_decides_again_from_what_is_there_now() {
    let server = server(&json!({ "power": "On" }), 2);
    let mut seen: Vec<Option<String>> = Vec::new();
    let change = |machine: &Machine, status: &mut MachineStatus| {
        seen.push(machine.status.as_ref().and_then(|s| s.power.clone()));
        status.phase = Some(Phase::Pending);
    };
    let outcome = writer(&server).update(&term(), "a", None, change).await;
    assert!(matches!(outcome.expect("written"), Outcome::Written(_)));
    assert_eq!(seen, [Some("On".into()), Some("Off".into()), Some("Off".into())]);
    let versions: Vec<Value> =
        server.lock().expect("not poisoned").patches.iter().map(|p| p["metadata"]["resourceVersion"].clone()).collect();
    assert_eq!(versions, ["7", "9", "9"]);
}

#[tokio::test]
async fn conflicts_are_given_back_in_the_end() {
    let server = server(&json!({}), u32::MAX);
    let outcome = writer(&server).update(&term(), "a", None, |_, status| status.phase = Some(Phase::Pending)).await;
    assert!(matches!(outcome, Err(StatusError::Conflict { machine }) if machine == "a"));
}

#[tokio::test]
async fn another_machine_of_that_name_is_left_alone() {
    let server = server(&json!({}), 0);
    let writer = writer(&server);
    let outcome = writer.update(&term(), "a", Some("u0"), |_, status| status.phase = Some(Phase::Pending)).await;
    assert!(matches!(outcome.expect("no failure"), Outcome::Gone));
    server.lock().expect("not poisoned").machine = None;
    let outcome = writer.update(&term(), "a", None, |_, _| panic!("nothing to change")).await;
    assert!(matches!(outcome.expect("no failure"), Outcome::Gone));
}

#[tokio::test]
async fn nothing_is_written_after_the_term() {
    let server = server(&json!({}), 0);
    let over = Term::new(1, std::time::Duration::ZERO);
    let outcome = writer(&server).update(&over, "a", None, |_, status| status.phase = Some(Phase::Pending)).await;
    assert!(matches!(outcome, Err(StatusError::NotLeader { .. })));
    assert!(server.lock().expect("not poisoned").patches.is_empty());
}

#[tokio::test]
async fn a_witness_needs_no_term_but_the_version_that_was_read() {
    let server = server(&json!({ "power": "On" }), 1);
    let outcome = writer(&server).witness("a", Some("u1"), |_, status| status.message = Some("seen".into())).await;
    assert!(matches!(outcome.expect("written"), Outcome::Written(_)));
    let patches = server.lock().expect("not poisoned").patches.clone();
    let seen: Vec<_> = patches.iter().map(|p| (&p["metadata"]["resourceVersion"], &p["status"])).collect();
    assert_eq!(seen, [(&json!("7"), &json!({ "message": "seen" })), (&json!("9"), &json!({ "message": "seen" }))]);
}

#[test]
fn differences() {
    for (old, new, expected) in [
        (json!({}), json!({}), None),
        (json!({"a": 1}), json!({"a": 1}), None),
        (json!({"a": 1}), json!({"a": 2, "b": 3}), Some(json!({"a": 2, "b": 3}))),
        (json!({"a": {"b": 1, "c": 2}}), json!({"a": {"b": 1}}), Some(json!({"a": {"c": null}}))),
        (json!({"a": [1, 2]}), json!({"a": [1]}), Some(json!({"a": [1]}))),
        (json!({"a": 1}), json!({}), Some(json!({"a": null}))),
    ] {
        assert_eq!(difference(&old, &new), expected);
    }
}
