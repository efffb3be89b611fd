//! Watches: "Kubernetes API Concepts", "Efficient detection of changes", "Watch bookmarks", "Streaming lists".

use std::time::Duration;

use http::Response;
use http_body_util::BodyExt as _;
use kube::client::Body;
use serde_json::{Value, json};

use super::cluster::{Caller, Cluster};

/// The events of an open watch.
pub(crate) struct Stream {
    pub(crate) code: u16,
    body: Body,
    buffer: Vec<u8>,
}

impl Stream {
    pub(crate) fn new(response: Response<Body>) -> Self {
        Self { code: response.status().as_u16(), body: response.into_body(), buffer: Vec::new() }
    }
    /// The next event, `None` at the end of the stream; panics when none comes in time.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.buffer.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).unwrap());
            }
            let frame = tokio::time::timeout(super::wait::DEADLINE, self.body.frame()).await;
            match frame.expect("an event within the deadline") {
                Some(frame) => self.buffer.extend_from_slice(&frame.unwrap().into_data().unwrap_or_default()),
                None => return None,
            }
        }
    }
    /// The next event that is not a bookmark: its type and object.
    pub(crate) async fn event(&mut self) -> (String, Value) {
        loop {
            let mut event = self.next().await.expect("the watch goes on");
            if event["type"] != "BOOKMARK" {
                return (event["type"].as_str().unwrap().to_owned(), event["object"].take());
            }
        }
    }
    /// The same, as type and name.
    pub(crate) async fn named(&mut self) -> (String, String) {
        let (kind, object) = self.event().await;
        (kind, object["metadata"]["name"].as_str().unwrap_or_default().to_owned())
    }
}

fn map(name: &str, labels: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels}})
}

async fn version(caller: &Caller, list: &str) -> String {
    caller.get(list).await.expect(200)["metadata"]["resourceVersion"].as_str().unwrap().to_owned()
}

fn pair(kind: &str, name: &str) -> (String, String) {
    (kind.to_owned(), name.to_owned())
}

#[tokio::test]
async fn a_watch_tells_every_change_in_order() {
    let c = Cluster::get().await;
    let maps = format!("/api/v1/namespaces/{}/configmaps", c.namespace().await);
    let since = version(c.admin(), &maps).await;
    // Changes before the watch opens but after its resource version are replayed.
    c.admin().post(&maps, &map("a", &json!({"made-by": "us"}))).await.expect(201);
    let mut watch = c.admin().watch(&format!("{maps}?watch=1&resourceVersion={since}&labelSelector=made-by")).await;
    assert_eq!(watch.code, 200);
    c.admin().merge_patch(&format!("{maps}/a"), &json!({"data": {"x": "1"}})).await.expect(200);
    c.admin().delete(&format!("{maps}/a")).await.expect(200);
    let (kind, added) = watch.event().await;
    assert_eq!((kind.as_str(), added["metadata"]["name"].as_str()), ("ADDED", Some("a")));
    assert!(added.get("data").is_none(), "the state at that moment, not the newest: {added}");
    let (kind, modified) = watch.event().await;
    assert_eq!((kind.as_str(), modified["data"]["x"].as_str()), ("MODIFIED", Some("1")));
    let (kind, deleted) = watch.event().await;
    assert_eq!((kind.as_str(), deleted["data"]["x"].as_str()), ("DELETED", Some("1")));
    let rv = |o: &Value| o["metadata"]["resourceVersion"].as_str().unwrap().parse::<u64>().unwrap();
    assert!(rv(&added) < rv(&modified) && rv(&modified) < rv(&deleted));
}

#[tokio::test]
async fn without_a_version_the_present_comes_first() {
    let c = Cluster::get().await;
    let maps = format!("/api/v1/namespaces/{}/configmaps", c.namespace().await);
    c.admin().post(&maps, &map("a", &json!({"made-by": "us"}))).await.expect(201);
    let mut watch = c.admin().watch(&format!("{maps}?watch=true&labelSelector=made-by")).await;
    assert_eq!(watch.named().await, pair("ADDED", "a"));
    c.admin().post(&maps, &map("b", &json!({"made-by": "us"}))).await.expect(201);
    assert_eq!(watch.named().await, pair("ADDED", "b"));
}

#[tokio::test]
async fn objects_enter_and_leave_a_selector() {
    let c = Cluster::get().await;
    let maps = format!("/api/v1/namespaces/{}/configmaps", c.namespace().await);
    let since = version(c.admin(), &maps).await;
    let mut watch =
        c.admin().watch(&format!("{maps}?watch=1&resourceVersion={since}&labelSelector=tier%3Dfront")).await;
    c.admin().post(&maps, &map("a", &json!({"tier": "back"}))).await.expect(201);
    let label = |tier: &str| json!({"metadata": {"labels": {"tier": tier}}});
    c.admin().merge_patch(&format!("{maps}/a"), &label("front")).await.expect(200);
    assert_eq!(watch.named().await, pair("ADDED", "a"));
    c.admin().merge_patch(&format!("{maps}/a"), &json!({"data": {"x": "1"}})).await.expect(200);
    assert_eq!(watch.named().await, pair("MODIFIED", "a"));
    c.admin().merge_patch(&format!("{maps}/a"), &label("back")).await.expect(200);
    assert_eq!(watch.named().await, pair("DELETED", "a"));
    c.admin().post(&maps, &map("b", &json!({"tier": "front"}))).await.expect(201);
    assert_eq!(watch.named().await, pair("ADDED", "b"));
}

#[tokio::test]
async fn one_object_is_watched_by_name() {
    let c = Cluster::get().await;
    let maps = format!("/api/v1/namespaces/{}/configmaps", c.namespace().await);
    let since = version(c.admin(), &maps).await;
    let path = format!("{maps}?watch=1&resourceVersion={since}&fieldSelector=metadata.name%3Db");
    let mut watch = c.admin().watch(&path).await;
    for name in ["a", "b", "c"] {
        c.admin().post(&maps, &map(name, &json!({}))).await.expect(201);
    }
    c.admin().delete(&format!("{maps}/b")).await.expect(200);
    assert_eq!(watch.named().await, pair("ADDED", "b"));
    assert_eq!(watch.named().await, pair("DELETED", "b"));
}

#[tokio::test]
async fn a_streaming_list_ends_its_beginning_with_a_bookmark() {
    let c = Cluster::get().await;
    let maps = format!("/api/v1/namespaces/{}/configmaps", c.namespace().await);
    for name in ["a", "b"] {
        c.admin().post(&maps, &map(name, &json!({"made-by": "us"}))).await.expect(201);
    }
    let query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&labelSelector=made-by";
    let mut watch = c.admin().watch(&format!("{maps}?{query}")).await;
    let mut seen = Vec::new();
    let bookmark = loop {
        let event = watch.next().await.unwrap();
        if event["type"] == "BOOKMARK" {
            break event["object"].clone();
        }
        assert_eq!(event["type"], "ADDED");
        seen.push(event["object"]["metadata"]["name"].as_str().unwrap().to_owned());
    };
    assert_eq!(seen, ["a", "b"]);
    assert_eq!((bookmark["kind"].as_str(), bookmark["apiVersion"].as_str()), (Some("ConfigMap"), Some("v1")));
    assert_eq!(bookmark["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
    assert!(!bookmark["metadata"]["resourceVersion"].as_str().unwrap().is_empty());
    c.admin().post(&maps, &map("c", &json!({"made-by": "us"}))).await.expect(201);
    assert_eq!(watch.named().await, pair("ADDED", "c"));
}

#[tokio::test]
async fn send_initial_events_needs_its_companion() {
    let c = Cluster::get().await;
    let maps = format!("/api/v1/namespaces/{}/configmaps", c.namespace().await);
    c.admin().get(&format!("{maps}?watch=1&sendInitialEvents=true")).await.refused(422, "Invalid");
}

#[tokio::test]
async fn a_watch_ends_at_its_timeout() {
    let c = Cluster::get().await;
    let maps = format!("/api/v1/namespaces/{}/configmaps", c.namespace().await);
    let since = version(c.admin(), &maps).await;
    let begun = std::time::Instant::now();
    let mut watch = c.admin().watch(&format!("{maps}?watch=1&resourceVersion={since}&timeoutSeconds=1")).await;
    while watch.next().await.is_some() {}
    assert!(begun.elapsed() >= Duration::from_millis(900), "ended after {:?}", begun.elapsed());
}

#[tokio::test]
async fn a_table_watch_carries_rows() {
    let c = Cluster::get().await;
    let maps = format!("/api/v1/namespaces/{}/configmaps", c.namespace().await);
    c.admin().post(&maps, &map("a", &json!({"made-by": "us"}))).await.expect(201);
    let request = http::Request::builder()
        .uri(format!("{maps}?watch=1&labelSelector=made-by"))
        .header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
        .body(Body::empty())
        .unwrap();
    let mut watch = Stream::new(c.client().send(request).await.unwrap());
    let (kind, table) = watch.event().await;
    assert_eq!((kind.as_str(), table["kind"].as_str()), ("ADDED", Some("Table")));
    assert_eq!(table["rows"][0]["cells"][0], "a");
    assert!(table["columnDefinitions"].is_array(), "the first event explains the columns: {table}");
}

#[tokio::test]
async fn a_version_that_is_no_number_is_refused() {
    let c = Cluster::get().await;
    let maps = format!("/api/v1/namespaces/{}/configmaps", c.namespace().await);
    let answer = c.admin().get(&format!("{maps}?watch=1&resourceVersion=abc")).await;
    // 400 is what the fault is; kube-apiserver says so for lists, and 500 for watches.
    assert!([400, 500].contains(&answer.code), "{answer:?}");
    assert_eq!((answer.json["kind"].as_str(), answer.json["status"].as_str()), (Some("Status"), Some("Failure")));
    assert!(answer.json["message"].as_str().unwrap().contains("abc"), "{answer:?}");
}
