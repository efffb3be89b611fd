use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::http::{Request, Response};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client, ResourceExt, client::Body};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{Change, Follower, Selection};
use crate::metrics::Metrics;

/// What the API server is to answer, in order, and what it was asked.
#[derive(Default)]
struct Script {
    answers: VecDeque<(u16, String)>,
    asked: Vec<String>,
}

fn map(name: &str, version: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name, "resourceVersion": version } })
}

fn list(items: &[Value], version: &str, token: &str) -> (u16, String) {
    let metadata = json!({ "resourceVersion": version, "continue": token });
    (200, json!({ "apiVersion": "v1", "kind": "ConfigMapList", "metadata": metadata, "items": items }).to_string())
}

fn event(kind: &str, object: &Value) -> String {
    json!({ "type": kind, "object": object }).to_string() + "\n"
}

fn failure(code: u16, reason: &str) -> Value {
    json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code, "reason": reason, "message": reason })
}

/// Follows through a script; what the follower did with it, in words, and what it asked.
async fn follow(answers: Vec<(u16, String)>) -> (Vec<String>, Vec<String>, Arc<Metrics>) {
    let script = Arc::new(Mutex::new(Script { answers: answers.into(), asked: Vec::new() }));
    let stop = CancellationToken::new();
    let (served, end) = (script.clone(), stop.clone());
    let service = tower::service_fn(move |request: Request<Body>| {
        let answer = {
            let mut script = served.lock().expect("not poisoned");
            script.asked.push(request.uri().query().unwrap_or_default().to_owned());
            script.answers.pop_front()
        };
        let end = end.clone();
        async move {
            let Some((code, body)) = answer else {
                // The script is over.
                end.cancel();
                return std::future::pending().await;
            };
            let response = Response::builder().status(code).body(Body::from(body.into_bytes()));
            Ok::<_, Infallible>(response.expect("a response"))
        }
    });
    let metrics = Arc::new(Metrics::new());
    let api: Api<ConfigMap> = Api::namespaced(Client::new(service, "default"), "default");
    let selection = Selection { labels: "a=b".into(), fields: String::new() };
    let follower = Follower::new(api, selection, "configmaps", metrics.clone());
    let done = Mutex::new(Vec::new());
    let note = |text: String| done.lock().expect("not poisoned").push(text);
    let take = |change: Change<ConfigMap>| {
        note(match change {
            Change::Replace(all) => {
                format!("= {}", all.iter().map(ResourceExt::name_any).collect::<Vec<_>>().join(" "))
            }
            Change::Apply(one) => format!("+ {}", one.name_any()),
            Change::Delete(one) => format!("- {}", one.name_any()),
        });
    };
    let run = follower.run(stop, take, |why| note(format!("! {why}")));
    tokio::time::timeout(Duration::from_secs(30), run).await.expect("the script ends");
    let asked = std::mem::take(&mut script.lock().expect("not poisoned").asked);
    (done.into_inner().expect("not poisoned"), asked, metrics)
}

#[tokio::test]
async fn lists_page_by_page_then_watches_from_there() {
    let (done, asked, metrics) = follow(vec![
        list(&[map("a", "1"), map("b", "2")], "5", "more"),
        list(&[map("c", "3")], "5", ""),
        (200, event("ADDED", &map("d", "6")) + &event("DELETED", &map("a", "7")) + &event("BOOKMARK", &map("", "9"))),
    ])
    .await;
    assert_eq!(done, ["= a b c", "+ d", "- a"]);
    assert_eq!(asked.len(), 4);
    assert!(asked[1].contains("continue=more"), "{asked:?}");
    assert!(asked[2].contains("watch=true") && asked[2].contains("resourceVersion=5"), "{asked:?}");
    assert!(asked[3].contains("watch=true") && asked[3].contains("resourceVersion=9"), "from the bookmark: {asked:?}");
    assert!(asked.iter().all(|query| query.contains("labelSelector=a%3Db")), "{asked:?}");
    assert_eq!(metrics.watch_staleness("configmaps"), None);
}

#[tokio::test]
async fn an_expired_watch_lists_again_at_once() {
    let expired = failure(410, "Expired");
    for expiry in [(200, event("ERROR", &expired)), (410, expired.to_string())] {
        let (done, asked, metrics) =
            follow(vec![list(&[map("a", "1")], "1", ""), expiry, list(&[map("b", "8")], "8", "")]).await;
        assert_eq!(done, ["= a", "= b"], "no failure, and what is gone is gone");
        assert!(asked[3].contains("resourceVersion=8"), "{asked:?}");
        assert_eq!(metrics.watch_staleness("configmaps"), None);
    }
}

#[tokio::test]
async fn failures_are_told_and_the_watch_goes_on_where_it_was() {
    let (done, asked, metrics) = follow(vec![
        (403, failure(403, "Forbidden").to_string()),
        list(&[map("a", "1")], "1", ""),
        (200, event("MODIFIED", &map("a", "4")) + "{ this is no JSON\n"),
        (500, failure(500, "InternalError").to_string()),
    ])
    .await;
    assert_eq!(done[0], "! Forbidden (Forbidden)");
    assert_eq!(done[1..3], ["= a", "+ a"]);
    assert!(done[3].starts_with("! ") && done[4] == "! InternalError (InternalError)", "{done:?}");
    assert!(asked[3].contains("resourceVersion=4") && asked[4].contains("resourceVersion=4"), "{asked:?}");
    assert!(metrics.watch_staleness("configmaps").is_some());
    let text = metrics.render();
    assert!(text.contains("metalman_watch_restarts_total{resource=\"configmaps\"} 3"), "{text}");
    assert!(text.contains("metalman_api_errors_total{operation=\"watch\",reason=\"forbidden\"} 1"), "{text}");
}
