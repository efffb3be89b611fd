use super::*;

#[tokio::test]
async fn sets_identity() {
    let c = Cluster::new().await;
    let made = c.config_map("a", json!({})).await;
    assert_eq!(made["metadata"]["namespace"], "default");
    assert_eq!(made["metadata"]["uid"].as_str().expect("uid").len(), 36);
    assert!(made["metadata"]["creationTimestamp"].as_str().expect("time").ends_with('Z'));
    assert!(made["metadata"]["resourceVersion"].as_str().expect("version").parse::<u64>().is_ok());
    assert_eq!(c.get(&format!("{MAPS}/a")).await.expect(200), made);
    let body = c.post(MAPS, &map("a")).await.refused(409, "configmaps \"a\" already exists");
    assert_eq!(
        (body["reason"].as_str(), body["details"]["kind"].as_str()),
        (Some("AlreadyExists"), Some("configmaps"))
    );
}

#[tokio::test]
async fn generates_names() {
    let c = Cluster::new().await;
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "x-"}});
    let mut names = std::collections::BTreeSet::new();
    for _ in 0..5 {
        let made = c.post(MAPS, &object).await.expect(201);
        let name = made["metadata"]["name"].as_str().expect("name").to_owned();
        assert!(name.starts_with("x-") && name.len() == 7, "{name}");
        names.insert(name);
    }
    assert_eq!(names.len(), 5);
}

#[tokio::test]
async fn refuses_what_is_not_an_object_of_the_kind() {
    let c = Cluster::new().await;
    let json = [("content-type", "application/json")];
    for (body, part) in [
        ("{\"a\": ", "line 1 column"),
        ("", "json parse error"),
        ("[]", "must be a JSON object"),
        ("3", "must be a JSON object"),
        ("{\"kind\": \"Secret\", \"apiVersion\": \"v1\"}", "does not match the expected kind (ConfigMap)"),
        ("{\"kind\": \"ConfigMap\", \"apiVersion\": \"v2\"}", "does not match the expected API version (v1)"),
        ("{\"kind\": 1}", "kind must be a string"),
        ("{\"metadata\": {\"name\": 1}}", "ObjectMeta.metadata.name of type string"),
        (
            "{\"metadata\": {\"name\": \"a\"}, \"data\": {\"a\": 1}}",
            "cannot unmarshal number into Go struct field ConfigMap.data",
        ),
    ] {
        c.send(Method::POST, MAPS, &json, body).await.refused(400, part);
    }
    let deep = "[".repeat(5000);
    c.send(Method::POST, MAPS, &json, deep).await.refused(400, "recursion limit");
}

#[tokio::test]
async fn refuses_bad_metadata_naming_the_field() {
    let c = Cluster::new().await;
    let body =
        c.post(MAPS, &json!({"metadata": {"name": "No_Good", "labels": {"a b": ""}}})).await.refused(422, "is invalid");
    let fields: Vec<&str> =
        body["details"]["causes"].as_array().expect("causes").iter().filter_map(|c| c["field"].as_str()).collect();
    assert_eq!(fields, ["metadata.name", "metadata.labels"]);
    c.post(MAPS, &json!({"metadata": {}})).await.refused(422, "name or generateName is required");
    c.post(MAPS, &json!({"metadata": {"name": "a", "resourceVersion": "7"}}))
        .await
        .refused(400, "resourceVersion should not be set");
    let other = json!({"metadata": {"name": "a", "namespace": "other"}});
    c.post(MAPS, &other).await.refused(400, "does not match the namespace sent on the request");
}

#[tokio::test]
async fn needs_the_namespace() {
    let c = Cluster::new().await;
    c.post("/api/v1/namespaces/nowhere/configmaps", &map("a")).await.refused(404, "namespaces \"nowhere\" not found");
    c.post("/api/v1/configmaps", &map("a")).await.refused(405, "does not allow this method");
}

#[tokio::test]
async fn a_terminating_namespace_takes_nothing_new() {
    let c = Cluster::new().await;
    let ns = json!({"metadata": {"name": "t", "finalizers": ["example.com/hold"]}});
    c.post("/api/v1/namespaces", &ns).await.expect(201);
    c.delete("/api/v1/namespaces/t", Value::Null).await.expect(200);
    let body =
        c.post("/api/v1/namespaces/t/configmaps", &map("a")).await.refused(403, "because it is being terminated");
    assert_eq!(body["details"]["causes"][0]["reason"], "NamespaceTerminating");
}

#[tokio::test]
async fn custom_objects_are_defaulted_pruned_and_validated() {
    let c = Cluster::new().await;
    c.widgets().await;
    let mut object = widget("a", 3);
    object["spec"]["nope"] = 1.into();
    object["status"] = json!({"phase": "Up"});
    let reply = c.post(WIDGETS, &object).await;
    assert_eq!(reply.warnings(), ["299 - \"unknown field \\\"spec.nope\\\"\""]);
    let made = reply.expect(201);
    assert_eq!(made["spec"], json!({"size": 3, "color": "red"}));
    assert_eq!(made["metadata"]["generation"], 1);
    assert!(made.get("status").is_none(), "status is a subresource");
    let reply = c
        .post(&format!("{WIDGETS}?fieldValidation=Ignore"), &{
            let mut o = object.clone();
            o["metadata"]["name"] = "b".into();
            o
        })
        .await;
    assert!(reply.warnings().is_empty());
    reply.expect(201);
    c.post(&format!("{WIDGETS}?fieldValidation=Strict"), &object)
        .await
        .refused(400, "strict decoding error: unknown field \"spec.nope\"");
    c.post(WIDGETS, &widget("c", 11)).await.refused(422, "spec.size");
    let blue = json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "d"}, "spec": {"size": 9, "color": "blue"}});
    let body = c.post(WIDGETS, &blue).await.refused(422, "big ones are red");
    assert_eq!(body["details"]["causes"][0]["field"], "spec");
    c.post(WIDGETS, &json!({"metadata": {"name": "e"}, "spec": {"size": 1}})).await.refused(400, "'Kind' is missing");
}

#[tokio::test]
async fn duplicate_fields_warn_or_refuse() {
    let c = Cluster::new().await;
    let body = "{\"metadata\": {\"name\": \"a\"}, \"data\": {\"x\": \"1\", \"x\": \"2\"}}";
    let json = [("content-type", "application/json")];
    let uri = format!("{MAPS}?fieldValidation=Strict");
    c.send(Method::POST, &uri, &json, body).await.refused(400, "duplicate field \"data.x\"");
    let reply = c.send(Method::POST, MAPS, &json, body).await;
    assert_eq!(reply.warnings(), ["299 - \"duplicate field \\\"data.x\\\"\""]);
    assert_eq!(reply.expect(201)["data"]["x"], "2");
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let c = Cluster::new().await;
    let uri = format!("{MAPS}?dryRun=All");
    let made = c.post(&uri, &map("a")).await.expect(201);
    assert_eq!(made["metadata"]["name"], "a");
    c.get(&format!("{MAPS}/a")).await.refused(404, "configmaps \"a\" not found");
    c.config_map("a", json!({})).await;
    c.post(&uri, &map("a")).await.refused(409, "already exists");
    c.post(&format!("{MAPS}?dryRun=Some"), &map("b")).await.refused(422, "dryRun");
}

#[tokio::test]
async fn records_the_manager() {
    let c = Cluster::new().await;
    let object = json!({"metadata": {"name": "a"}, "data": {"x": "1"}});
    let agent = [("content-type", "application/json"), ("user-agent", "kubectl/v1.32 (linux)")];
    let made = c.send(Method::POST, MAPS, &agent, object.to_string()).await.expect(201);
    assert_eq!(made["metadata"]["managedFields"][0]["manager"], "kubectl");
    assert_eq!(made["metadata"]["managedFields"][0]["operation"], "Update");
    let made = c
        .post(&format!("{MAPS}?fieldManager=me"), &{
            let mut o = object.clone();
            o["metadata"]["name"] = "b".into();
            o
        })
        .await
        .expect(201);
    assert_eq!(made["metadata"]["managedFields"][0]["manager"], "me");
}

#[tokio::test]
async fn large_bodies_are_refused() {
    let c = Cluster::new().await;
    let mut object = map("a");
    object["data"] = json!({"x": "y".repeat(super::super::body::LIMIT)});
    c.post(MAPS, &object).await.refused(413, "limit is 3145728");
}

#[tokio::test]
async fn reviews_and_tokens() {
    let c = Cluster::new().await;
    let review = json!({"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}});
    let uri = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    assert_eq!(c.post(uri, &review).await.expect(201)["status"]["allowed"], true);
    let router = c.user("nobody");
    let reply = send(&router, Method::POST, uri, &[("content-type", "application/json")], review.to_string()).await;
    assert_eq!(reply.code, 403, "without roles nobody may ask: {}", reply.body);
    c.get(uri).await.refused(405, "does not allow this method");
    let accounts = "/api/v1/namespaces/default/serviceaccounts";
    c.post(accounts, &json!({"metadata": {"name": "robot"}})).await.expect(201);
    let token = c.post(&format!("{accounts}/robot/token"), &json!({"spec": {}})).await.expect(201);
    assert_eq!(token["status"]["token"].as_str().expect("a token").split('.').count(), 3);
    c.post(&format!("{accounts}/nobody/token"), &json!({})).await.refused(404, "\"nobody\" not found");
    c.post(&format!("{accounts}/robot/token"), &json!({"kind": "Pod"})).await.refused(400, "does not match");
}

#[tokio::test]
async fn authorization_comes_before_everything_else() {
    let c = Cluster::new().await;
    let router = c.user("jane");
    let json = [("content-type", "application/json")];
    let reply = send(&router, Method::POST, MAPS, &json, "{").await;
    reply.refused(
        403,
        "User \"jane\" cannot create resource \"configmaps\" in API group \"\" in the namespace \"default\"",
    );
    send(&router, Method::GET, "/apis/example.com/v1/nothing", &[], Body::empty()).await.refused(403, "cannot list");
}

#[tokio::test]
async fn services_made_at_once_have_addresses_of_their_own() {
    const SERVICES: &str = "/api/v1/namespaces/default/services";
    let c = Cluster::new().await;
    let service = |name: &str, address: Value| json!({"metadata": {"name": name}, "spec": {"clusterIP": address, "ports": [{"port": 80}]}});
    // All ask for the same one: one gets it.
    let all: Vec<Value> = (0..8).map(|i| service(&format!("s{i}"), "10.96.0.77".into())).collect();
    let replies = futures::future::join_all(all.iter().map(|s| c.post(SERVICES, s))).await;
    let mut codes: Vec<u16> = replies.iter().map(|r| r.code).collect();
    codes.sort_unstable();
    assert_eq!(codes, [201, 422, 422, 422, 422, 422, 422, 422]);
    let why = "spec.clusterIP: Invalid value: \"10.96.0.77\": failed to allocate IP 10.96.0.77: provided IP is already \
               allocated";
    c.post(SERVICES, &service("late", "10.96.0.77".into())).await.refused(422, why);
    let taker = replies.iter().position(|r| r.code == 201).expect("one made");
    c.post(SERVICES, &all[taker]).await.refused(409, "already exists");
    let free = c.post(SERVICES, &service("free", Value::Null)).await.expect(201);
    assert_eq!(free["spec"]["clusterIPs"], json!([free["spec"]["clusterIP"]]));
}
