use super::*;

#[tokio::test]
async fn discovery() {
    let c = Cluster::new().await;
    assert_eq!(c.get("/api").await.expect(200)["versions"], json!(["v1"]));
    let core = c.get("/api/v1").await.expect(200);
    assert!(core["resources"].as_array().expect("list").iter().any(|r| r["name"] == "configmaps"));
    c.get("/apis/example.com/v1").await.refused(404, "could not find");
    c.widgets().await;
    let groups = c.get("/apis").await.expect(200);
    assert!(groups["groups"].as_array().expect("groups").iter().any(|g| g["name"] == "example.com"));
    assert_eq!(c.get("/apis/example.com").await.expect(200)["preferredVersion"]["version"], "v1");
    assert_eq!(c.get("/apis/example.com/v1").await.expect(200)["resources"][0]["kind"], "Widget");
}

#[tokio::test]
async fn aggregated_discovery_follows_the_registry() {
    let c = Cluster::new().await;
    let accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
    let ask = |etag: String| {
        let router = c.router.clone();
        async move {
            send(&router, Method::GET, "/apis", &[("accept", accept), ("if-none-match", &etag)], Body::empty()).await
        }
    };
    let first = ask(String::new()).await;
    let etag = first.headers["etag"].to_str().expect("ASCII").to_owned();
    assert!(first.headers["content-type"].to_str().expect("ASCII").contains("as=APIGroupDiscoveryList"));
    assert_eq!(first.expect(200)["kind"], "APIGroupDiscoveryList");
    assert_eq!(ask(etag.clone()).await.code, 304);
    c.widgets().await;
    let next = ask(etag).await.expect(200);
    assert!(next["items"].as_array().expect("groups").iter().any(|g| g["metadata"]["name"] == "example.com"));
}

#[tokio::test]
async fn health() {
    let c = Cluster::new().await;
    assert_eq!(c.get("/healthz").await.expect(200), "ok");
    assert_eq!(c.get("/livez").await.expect(200), "ok");
    assert!(c.get("/readyz").await.expect(500).as_str().expect("text").contains("[-]poststarthook/bootstrap failed"));
    c.api.set_ready();
    assert_eq!(c.get("/readyz").await.expect(200), "ok");
    assert!(c.get("/readyz?verbose").await.expect(200).as_str().expect("text").contains("[+]store ok"));
    assert_eq!(c.get("/readyz/store").await.expect(200), "ok");
    c.get("/readyz/nothing").await.refused(404, "could not find");
    c.stop.cancel();
    assert_eq!(c.get("/readyz").await.code, 500);
    assert_eq!(c.get("/livez").await.code, 200);
}

#[tokio::test]
async fn version_keys_and_metrics() {
    let c = Cluster::new().await;
    let version = c.get("/version").await.expect(200);
    assert_eq!((&version["major"], &version["minor"]), (&json!("1"), &json!("35")));
    assert!(version["gitVersion"].as_str().expect("text").starts_with("v1.35."));
    let provider = c.get("/.well-known/openid-configuration").await.expect(200);
    assert!(provider["jwks_uri"].as_str().expect("text").ends_with("/openid/v1/jwks"));
    assert!(!c.get("/openid/v1/jwks").await.expect(200)["keys"].as_array().expect("keys").is_empty());
    let metrics = c.get("/metrics").await.expect(200);
    assert!(metrics.as_str().expect("text").contains("apiserver_requests_answered_total{code=\"2xx\"}"));
    let root = c.get("/").await.expect(200);
    assert!(root["paths"].as_array().expect("paths").contains(&json!("/api/v1")));
}

#[tokio::test]
async fn unknown_paths_and_methods() {
    let c = Cluster::new().await;
    c.get("/nothing").await.refused(404, "could not find the requested resource");
    c.post("/version", &json!({})).await.refused(405, "does not allow this method");
    c.post("/nothing", &json!({})).await.refused(404, "could not find");
    c.send(Method::PUT, MAPS, &[], "{}").await.refused(405, "does not allow this method");
    c.send(Method::POST, &format!("{MAPS}/a"), &[], "{}").await.refused(405, "does not allow this method");
    let jane = c.user("jane");
    send(&jane, Method::GET, "/metrics", &[], Body::empty()).await.refused(403, "cannot get path \"/metrics\"");
}

#[tokio::test]
async fn openapi_is_cached_by_what_is_served() {
    let c = Cluster::new().await;
    let index = c.get("/openapi/v3").await.expect(200);
    let path = index["paths"]["api/v1"]["serverRelativeURL"].as_str().expect("a URL").to_owned();
    let reply = c.get(&path).await;
    assert!(reply.headers["cache-control"].to_str().expect("ASCII").contains("immutable"));
    let etag = reply.headers["etag"].to_str().expect("ASCII").to_owned();
    assert!(reply.expect(200)["components"]["schemas"].is_object());
    let again = c.send(Method::GET, &path, &[("if-none-match", &etag)], Body::empty()).await;
    assert_eq!(again.code, 304);
    assert!(path.ends_with(&format!("?hash={}", etag.trim_matches('"'))), "{path}");
    let stale = c.get("/openapi/v3/api/v1?hash=0").await;
    assert_eq!((stale.code, stale.headers.get("cache-control").filter(|v| *v != "no-cache, private")), (200, None));
    assert!(c.get("/openapi/v2").await.expect(200)["definitions"].is_object());
    let gnostic = [("accept", "application/com.github.proto-openapi.spec.v2@v1.0+protobuf")];
    assert_eq!(c.send(Method::GET, "/openapi/v2", &gnostic, Body::empty()).await.code, 200);
    c.send(Method::GET, "/openapi/v2", &[("accept", "text/html")], Body::empty())
        .await
        .refused(406, "application/json");
    c.get("/openapi/v3/apis/nothing/v1").await.refused(404, "could not find");
    c.widgets().await;
    c.get("/openapi/v3/apis/example.com/v1").await.expect(200);
    let next = c.get("/openapi/v3").await.expect(200);
    for (path, entry) in next["paths"].as_object().expect("paths") {
        let url = entry["serverRelativeURL"].as_str().expect("a URL");
        let etag = c.get(url).await.headers["etag"].to_str().expect("ASCII").trim_matches('"').to_owned();
        assert!(url.ends_with(&format!("/{path}?hash={etag}")), "{url} {etag}");
    }
    assert!(next["paths"]["apis/example.com/v1"].is_object());
}
