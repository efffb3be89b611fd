use futures::StreamExt;

use super::*;

/// A running watch.
struct Watch {
    stream: axum::body::BodyDataStream,
    rest: Vec<u8>,
}

impl Watch {
    async fn open(c: &Cluster, uri: &str, accept: &str) -> Self {
        let response = respond(&c.router, Method::GET, uri, &[("accept", accept)], Body::empty()).await;
        assert_eq!(response.status(), 200);
        Self { stream: response.into_body().into_data_stream(), rest: Vec::new() }
    }
    /// The next document; `None` at the end of the stream.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(at) = self.rest.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=at).collect();
                return Some(serde_json::from_slice(&line).expect("JSON"));
            }
            let frame = tokio::time::timeout(Duration::from_secs(10), self.stream.next()).await.expect("in time")?;
            self.rest.extend_from_slice(&frame.expect("a frame"));
        }
    }
    /// Type and name of the next event.
    async fn event(&mut self) -> (String, String) {
        let event = self.next().await.expect("an event");
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        (text(&event["type"]), text(&event["object"]["metadata"]["name"]))
    }
}

fn pair(kind: &str, name: &str) -> (String, String) {
    (kind.to_owned(), name.to_owned())
}

#[tokio::test]
async fn begins_with_the_current_state() {
    let c = Cluster::new().await;
    c.config_map("a", json!({})).await;
    for query in ["watch=1", "watch=true&resourceVersion=0"] {
        let mut w = Watch::open(&c, &format!("{MAPS}?{query}"), "application/json").await;
        assert_eq!(w.event().await, pair("ADDED", "a"));
        c.patch("merge", &format!("{MAPS}/a"), &json!({"data": {"q": query}})).await.expect(200);
        assert_eq!(w.event().await, pair("MODIFIED", "a"));
    }
    let mut w = Watch::open(&c, "/api/v1/watch/namespaces/default/configmaps/a", "application/json").await;
    assert_eq!(w.event().await, pair("ADDED", "a"));
}

#[tokio::test]
async fn resumes_after_a_version() {
    let c = Cluster::new().await;
    let made = c.config_map("a", json!({})).await;
    c.config_map("b", json!({})).await;
    let last = c.get(&format!("{MAPS}/b")).await.expect(200);
    c.delete(&format!("{MAPS}/a"), Value::Null).await.expect(200);
    let version = made["metadata"]["resourceVersion"].as_str().expect("version");
    let mut w = Watch::open(&c, &format!("{MAPS}?watch=1&resourceVersion={version}"), "application/json").await;
    let event = w.next().await.expect("an event");
    assert_eq!(event, json!({"type": "ADDED", "object": last}));
    let gone = w.next().await.expect("an event");
    assert_eq!((&gone["type"], &gone["object"]["data"]["k"]), (&json!("DELETED"), &json!("v")));
    let at = |v: &Value| v["metadata"]["resourceVersion"].as_str().expect("version").parse::<u64>().expect("a number");
    assert!(at(&gone["object"]) > at(&last), "the deletion has a version of its own");
}

#[tokio::test]
async fn selections_are_entered_and_left() {
    let c = Cluster::new().await;
    let made = c.config_map("a", json!({"app": "x"})).await;
    c.config_map("other", json!({"app": "y"})).await;
    let mut w = Watch::open(&c, &format!("{MAPS}?watch=1&labelSelector=app%3Dx"), "application/json").await;
    assert_eq!(w.event().await, pair("ADDED", "a"));
    let uri = format!("{MAPS}/a");
    let label = |v: &str| json!({"metadata": {"labels": {"app": v}}});
    let left = c.patch("merge", &uri, &label("y")).await.expect(200);
    let event = w.next().await.expect("an event");
    assert_eq!((&event["type"], &event["object"]["metadata"]["labels"]["app"]), (&json!("DELETED"), &json!("x")));
    assert_eq!(event["object"]["metadata"]["resourceVersion"], left["metadata"]["resourceVersion"]);
    assert_ne!(event["object"]["metadata"]["resourceVersion"], made["metadata"]["resourceVersion"]);
    c.patch("merge", &uri, &json!({"data": {"unseen": "1"}})).await.expect(200);
    c.patch("merge", &uri, &label("x")).await.expect(200);
    assert_eq!(w.event().await, pair("ADDED", "a"));
    c.delete(&uri, Value::Null).await.expect(200);
    assert_eq!(w.event().await, pair("DELETED", "a"));
}

#[tokio::test]
async fn initial_events_end_with_a_bookmark() {
    let c = Cluster::new().await;
    c.config_map("a", json!({})).await;
    let query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    let mut w = Watch::open(&c, &format!("{MAPS}?{query}"), "application/json").await;
    assert_eq!(w.event().await, pair("ADDED", "a"));
    let mark = w.next().await.expect("a bookmark");
    assert_eq!(mark["type"], "BOOKMARK");
    assert_eq!(mark["object"]["kind"], "ConfigMap");
    assert_eq!(mark["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
    let list = c.get(MAPS).await.expect(200);
    assert_eq!(mark["object"]["metadata"]["resourceVersion"], list["metadata"]["resourceVersion"]);
    c.get(&format!("{MAPS}?watch=1&sendInitialEvents=true"))
        .await
        .refused(422, "sendInitialEvents requires setting resourceVersionMatch");
}

#[tokio::test]
async fn bookmarks_come_regularly() {
    let c = Cluster::with(Window::default(), Duration::from_millis(20)).await;
    let mut w = Watch::open(&c, &format!("{MAPS}?watch=1&allowWatchBookmarks=true"), "application/json").await;
    let mark = w.next().await.expect("a bookmark");
    assert_eq!(mark["type"], "BOOKMARK");
    let list = c.get(MAPS).await.expect(200);
    assert_eq!(mark["object"]["metadata"]["resourceVersion"], list["metadata"]["resourceVersion"]);
}

#[tokio::test]
async fn too_old_and_too_new_versions() {
    let c = Cluster::with_window(Window { events: 4, bytes: 1 << 20 }).await;
    let made = c.config_map("a", json!({})).await;
    for i in 0..20 {
        c.patch("merge", &format!("{MAPS}/a"), &json!({"data": {"i": i.to_string()}})).await.expect(200);
    }
    let version = made["metadata"]["resourceVersion"].as_str().expect("version");
    let body =
        c.get(&format!("{MAPS}?watch=1&resourceVersion={version}")).await.refused(410, "too old resource version");
    assert_eq!(body["reason"], "Expired");
    c.get(&format!("{MAPS}?watch=1&resourceVersion=99999")).await.refused(504, "Too large resource version");
}

#[tokio::test]
async fn a_reader_that_falls_behind_is_told_and_ended() {
    let c = Cluster::with_window(Window { events: 4, bytes: 1 << 20 }).await;
    let made = c.config_map("a", json!({})).await;
    let version = made["metadata"]["resourceVersion"].as_str().expect("version");
    let mut w = Watch::open(&c, &format!("{MAPS}?watch=1&resourceVersion={version}"), "application/json").await;
    for i in 0..300 {
        c.patch("merge", &format!("{MAPS}/a"), &json!({"data": {"i": i.to_string()}})).await.expect(200);
    }
    let mut last = Value::Null;
    while let Some(event) = w.next().await {
        last = event;
    }
    assert_eq!(
        (&last["type"], &last["object"]["code"], &last["object"]["reason"]),
        (&json!("ERROR"), &json!(410), &json!("Expired"))
    );
}

#[tokio::test]
async fn ends_in_time_and_at_shutdown() {
    let c = Cluster::new().await;
    let mut w = Watch::open(&c, &format!("{MAPS}?watch=1&timeoutSeconds=1"), "application/json").await;
    assert_eq!(w.next().await, None);
    let mut w = Watch::open(&c, &format!("{MAPS}?watch=1"), "application/json").await;
    c.stop.cancel();
    assert_eq!(w.next().await, None);
}

#[tokio::test]
async fn tables_name_their_columns_once() {
    let c = Cluster::new().await;
    c.widgets().await;
    c.widget("a", 1).await;
    c.widget("b", 2).await;
    let table = "application/json;as=Table;v=v1;g=meta.k8s.io";
    let mut w = Watch::open(&c, &format!("{WIDGETS}?watch=1"), table).await;
    let first = w.next().await.expect("an event");
    assert_eq!(first["object"]["rows"][0]["cells"], json!(["a", 1]));
    assert_eq!(first["object"]["columnDefinitions"].as_array().expect("columns").len(), 2);
    let second = w.next().await.expect("an event");
    assert_eq!(second["object"]["rows"][0]["cells"], json!(["b", 2]));
    assert!(second["object"]["columnDefinitions"].as_array().is_none_or(Vec::is_empty));
}

#[tokio::test]
async fn metadata_only() {
    let c = Cluster::new().await;
    c.config_map("a", json!({})).await;
    let partial = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
    let mut w = Watch::open(&c, &format!("{MAPS}?watch=1"), partial).await;
    let event = w.next().await.expect("an event");
    assert_eq!(
        (&event["object"]["kind"], &event["object"]["metadata"]["name"]),
        (&json!("PartialObjectMetadata"), &json!("a"))
    );
}

#[tokio::test]
async fn one_event_reaches_every_watcher() {
    let c = Cluster::new().await;
    let mut watchers = Vec::new();
    for _ in 0..50 {
        watchers.push(Watch::open(&c, &format!("{MAPS}?watch=1"), "application/json").await);
    }
    c.config_map("a", json!({})).await;
    for w in &mut watchers {
        assert_eq!(w.event().await, pair("ADDED", "a"));
    }
}
