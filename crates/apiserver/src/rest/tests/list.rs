use super::*;

async fn names(c: &Cluster, uri: &str) -> Vec<String> {
    let list = c.get(uri).await.expect(200);
    let items = list["items"].as_array().expect("items");
    items.iter().map(|i| i["metadata"]["name"].as_str().expect("name").to_owned()).collect()
}

#[tokio::test]
async fn a_list_carries_kind_and_version() {
    let c = Cluster::new().await;
    let empty = c.get(MAPS).await.expect(200);
    assert_eq!(
        (&empty["kind"], &empty["apiVersion"], &empty["items"]),
        (&json!("ConfigMapList"), &json!("v1"), &json!([]))
    );
    let made = c.config_map("b", json!({})).await;
    c.config_map("a", json!({})).await;
    assert_eq!(names(&c, MAPS).await, ["a", "b"]);
    assert_eq!(names(&c, "/api/v1/configmaps").await, ["a", "b"]);
    let list = c.get(MAPS).await.expect(200);
    assert_eq!(list["items"][1], made);
    assert!(names(&c, "/api/v1/namespaces/other/configmaps").await.is_empty());
}

#[tokio::test]
async fn selectors() {
    let c = Cluster::new().await;
    for (name, app) in [("a", "x"), ("b", "y"), ("d", "x")] {
        c.config_map(name, json!({"app": app})).await;
    }
    assert_eq!(names(&c, &format!("{MAPS}?labelSelector=app%3Dx")).await, ["a", "d"]);
    assert_eq!(names(&c, &format!("{MAPS}?labelSelector=app+notin+(x)")).await, ["b"]);
    assert_eq!(names(&c, &format!("{MAPS}?fieldSelector=metadata.name%3Db")).await, ["b"]);
    assert_eq!(
        names(&c, "/api/v1/configmaps?fieldSelector=metadata.name%3Db,metadata.namespace%3Ddefault").await,
        ["b"]
    );
    assert_eq!(names(&c, &format!("{MAPS}?fieldSelector=metadata.name!%3Db")).await, ["a", "d"]);
    assert!(names(&c, &format!("{MAPS}?fieldSelector=metadata.name%3Dzz")).await.is_empty());
    c.get(&format!("{MAPS}?labelSelector=a+b")).await.refused(400, "unable to parse requirement");
    c.get(&format!("{MAPS}?fieldSelector=spec.x%3D1")).await.refused(400, "spec.x");
    c.get(&format!("{MAPS}?limit=x")).await.refused(400, "limit");
}

#[tokio::test]
async fn pages_show_one_moment() {
    let c = Cluster::new().await;
    for i in 0..7 {
        c.config_map(&format!("m{i}"), json!({})).await;
    }
    let first = c.get(&format!("{MAPS}?limit=3")).await.expect(200);
    assert_eq!(first["metadata"]["remainingItemCount"], 4);
    let token = first["metadata"]["continue"].as_str().expect("a token").to_owned();
    c.delete(&format!("{MAPS}/m4"), Value::Null).await.expect(200);
    c.config_map("m9", json!({})).await;
    let rest = c.get(&format!("{MAPS}?limit=10&continue={token}")).await.expect(200);
    let seen: Vec<_> = rest["items"].as_array().expect("items").iter().map(|i| i["metadata"]["name"].clone()).collect();
    assert_eq!(seen, ["m3", "m4", "m5", "m6"], "as they were when the list began");
    assert_eq!(rest["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
    assert!(rest["metadata"].get("continue").is_none());
    c.get(&format!("{MAPS}?continue=junk")).await.refused(400, "continue key is not valid");
    c.get(&format!("{MAPS}?continue={token}&resourceVersion=5")).await.refused(400, "not allowed when using continue");
}

#[tokio::test]
async fn an_expired_page_offers_to_go_on() {
    let c = Cluster::with_window(Window { events: 4, bytes: 1 << 20 }).await;
    for i in 0..4 {
        c.config_map(&format!("m{i}"), json!({})).await;
    }
    let first = c.get(&format!("{MAPS}?limit=2")).await.expect(200);
    let token = first["metadata"]["continue"].as_str().expect("a token").to_owned();
    for i in 0..20 {
        c.patch("merge", &format!("{MAPS}/m0"), &json!({"data": {"i": i.to_string()}})).await.expect(200);
    }
    let gone = c
        .get(&format!("{MAPS}?limit=2&continue={token}"))
        .await
        .refused(410, "The provided continue parameter is too old");
    assert_eq!(gone["reason"], "Expired");
    let next = gone["metadata"]["continue"].as_str().expect("a token").to_owned();
    assert_eq!(names(&c, &format!("{MAPS}?limit=2&continue={next}")).await, ["m2", "m3"]);
}

#[tokio::test]
async fn versions() {
    let c = Cluster::new().await;
    let made = c.config_map("a", json!({})).await;
    let then = made["metadata"]["resourceVersion"].as_str().expect("version").to_owned();
    c.config_map("b", json!({})).await;
    assert_eq!(names(&c, &format!("{MAPS}?resourceVersion={then}&resourceVersionMatch=Exact")).await, ["a"]);
    assert_eq!(
        names(&c, &format!("{MAPS}?resourceVersion={then}&resourceVersionMatch=NotOlderThan")).await,
        ["a", "b"]
    );
    assert_eq!(names(&c, &format!("{MAPS}?resourceVersion=0")).await, ["a", "b"]);
    let body = c.get(&format!("{MAPS}?resourceVersion=99999")).await.refused(504, "Too large resource version: 99999");
    assert_eq!(body["details"]["causes"][0]["reason"], "ResourceVersionTooLarge");
    c.get(&format!("{MAPS}?resourceVersionMatch=Exact"))
        .await
        .refused(422, "forbidden unless resourceVersion is provided");
    c.get(&format!("{MAPS}/a?resourceVersion=99999")).await.refused(504, "Too large");
}

#[tokio::test]
async fn long_lists_are_streamed_whole() {
    let c = Cluster::new().await;
    let big = "x".repeat(20_000);
    for i in 0..12 {
        let mut object = map(&format!("m{i:02}"));
        object["data"] = json!({"big": big});
        c.post(MAPS, &object).await.expect(201);
    }
    let reply = c.get(MAPS).await;
    let length = reply.headers.get("content-length").map(|l| l.to_str().expect("ASCII").to_owned());
    assert!(length.is_none_or(|l| l.parse::<usize>().expect("a number") > 240_000));
    assert_eq!(reply.expect(200)["items"].as_array().expect("items").len(), 12);
}

#[tokio::test]
async fn unknown_resources_and_places() {
    let c = Cluster::new().await;
    for uri in [
        "/api/v1/nothing",
        "/api/v2/pods",
        "/apis/nothing/v1/x",
        "/api/v1/configmaps/a",
        "/api/v1/namespaces/default/nodes",
        "/api/v1/namespaces/default/configmaps/a/b",
    ] {
        let body = c.get(uri).await.refused(404, "could not find the requested resource");
        assert_eq!(body["reason"], "NotFound", "{uri}");
    }
}
