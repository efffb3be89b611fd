//! Create, read, replace, delete: "Kubernetes API Concepts" and the API conventions, "Metadata", "Verbs on Resources",
//! "Response Status Kind".

use http::Method;
use serde_json::{Value, json};

use super::{
    cluster::{Cluster, causes, unique},
    wait,
};

fn config_map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "1"}})
}

#[tokio::test]
async fn an_object_lives_and_dies() {
    let c = Cluster::get().await;
    let maps = format!("/api/v1/namespaces/{}/configmaps", c.namespace().await);
    let created = c.admin().post(&maps, &config_map("m")).await.expect(201);
    assert_eq!(created["kind"], "ConfigMap");
    assert_eq!(created["metadata"]["uid"].as_str().unwrap().len(), 36);
    assert!(created["metadata"]["creationTimestamp"].as_str().unwrap().ends_with('Z'));
    let version = created["metadata"]["resourceVersion"].as_str().unwrap().to_owned();

    let read = c.admin().get(&format!("{maps}/m")).await.expect(200);
    assert_eq!(read, created);

    let mut changed = read.clone();
    changed["data"]["a"] = "2".into();
    let replaced = c.admin().put(&format!("{maps}/m"), &changed).await.expect(200);
    assert_eq!(replaced["data"]["a"], "2");
    assert_eq!(replaced["metadata"]["uid"], created["metadata"]["uid"]);
    assert_ne!(replaced["metadata"]["resourceVersion"], version.as_str());

    let status = c.admin().delete(&format!("{maps}/m")).await.expect(200);
    assert_eq!((status["kind"].as_str(), status["status"].as_str()), (Some("Status"), Some("Success")));
    assert_eq!(status["details"]["name"], "m");
    assert_eq!(status["details"]["uid"], created["metadata"]["uid"]);
    let missing = c.admin().get(&format!("{maps}/m")).await.refused(404, "NotFound");
    assert_eq!(missing["message"], "configmaps \"m\" not found");
    assert_eq!(
        (missing["details"]["name"].as_str(), missing["details"]["kind"].as_str()),
        (Some("m"), Some("configmaps"))
    );
}

#[tokio::test]
async fn a_name_is_taken_once() {
    let c = Cluster::get().await;
    let maps = format!("/api/v1/namespaces/{}/configmaps", c.namespace().await);
    c.admin().post(&maps, &config_map("m")).await.expect(201);
    let status = c.admin().post(&maps, &config_map("m")).await.refused(409, "AlreadyExists");
    assert_eq!(status["message"], "configmaps \"m\" already exists");
}

#[tokio::test]
async fn generate_name_makes_unique_names() {
    let c = Cluster::get().await;
    let maps = format!("/api/v1/namespaces/{}/configmaps", c.namespace().await);
    let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "job-"}});
    let first = c.admin().post(&maps, &body).await.expect(201);
    let second = c.admin().post(&maps, &body).await.expect(201);
    let (a, b) = (first["metadata"]["name"].as_str().unwrap(), second["metadata"]["name"].as_str().unwrap());
    assert_ne!(a, b);
    for name in [a, b] {
        assert_eq!(name.len(), "job-".len() + 5, "five random characters: {name}");
        assert!(name.starts_with("job-"), "{name}");
    }
    assert_eq!(first["metadata"]["generateName"], "job-");
}

#[tokio::test]
async fn a_stale_resource_version_is_a_conflict() {
    let c = Cluster::get().await;
    let maps = format!("/api/v1/namespaces/{}/configmaps", c.namespace().await);
    let old = c.admin().post(&maps, &config_map("m")).await.expect(201);
    let mut changed = old.clone();
    changed["data"]["a"] = "2".into();
    c.admin().put(&format!("{maps}/m"), &changed).await.expect(200);
    let status = c.admin().put(&format!("{maps}/m"), &old).await.refused(409, "Conflict");
    assert_eq!(
        status["message"],
        "Operation cannot be fulfilled on configmaps \"m\": the object has been modified; please apply your changes to \
         the latest version and try again"
    );
    // A patch may carry the precondition too.
    let patch = json!({"metadata": {"resourceVersion": old["metadata"]["resourceVersion"]}, "data": {"a": "3"}});
    c.admin().merge_patch(&format!("{maps}/m"), &patch).await.refused(409, "Conflict");
    // Without one, the replacement is unconditional.
    c.admin().put(&format!("{maps}/m"), &config_map("m")).await.expect(200);
}

#[tokio::test]
async fn a_replacement_without_change_is_not_a_write() {
    let c = Cluster::get().await;
    let maps = format!("/api/v1/namespaces/{}/configmaps", c.namespace().await);
    let created = c.admin().post(&maps, &config_map("m")).await.expect(201);
    let same = c.admin().put(&format!("{maps}/m"), &created).await.expect(200);
    assert_eq!(same["metadata"]["resourceVersion"], created["metadata"]["resourceVersion"]);
    let same = c.admin().merge_patch(&format!("{maps}/m"), &json!({"data": {"a": "1"}})).await.expect(200);
    assert_eq!(same["metadata"]["resourceVersion"], created["metadata"]["resourceVersion"]);
}

#[tokio::test]
async fn identity_cannot_change() {
    let c = Cluster::get().await;
    let namespace = c.namespace().await;
    let maps = format!("/api/v1/namespaces/{namespace}/configmaps");
    let created = c.admin().post(&maps, &config_map("m")).await.expect(201);

    let mut other = created.clone();
    other["metadata"]["name"] = "other".into();
    c.admin().put(&format!("{maps}/m"), &other).await.refused(400, "BadRequest");

    let mut other = created.clone();
    other["metadata"]["uid"] = "00000000-0000-0000-0000-000000000000".into();
    let status = c.admin().put(&format!("{maps}/m"), &other).await.refused(409, "Conflict");
    assert!(status["message"].as_str().unwrap().contains("Precondition failed: UID in precondition"), "{status}");

    let mut other = created.clone();
    other["metadata"]["namespace"] = "elsewhere".into();
    c.admin().put(&format!("{maps}/m"), &other).await.refused(400, "BadRequest");

    // The server's own metadata is kept, whatever the client sends.
    let mut other = created.clone();
    other["metadata"]["creationTimestamp"] = "2001-01-01T00:00:00Z".into();
    let kept = c.admin().put(&format!("{maps}/m"), &other).await.expect(200);
    assert_eq!(kept["metadata"]["creationTimestamp"], created["metadata"]["creationTimestamp"]);
}

#[tokio::test]
async fn replacing_what_is_not_there_is_not_found() {
    let c = Cluster::get().await;
    let maps = format!("/api/v1/namespaces/{}/configmaps", c.namespace().await);
    c.admin().put(&format!("{maps}/m"), &config_map("m")).await.refused(404, "NotFound");
    c.admin().merge_patch(&format!("{maps}/m"), &json!({"data": {}})).await.refused(404, "NotFound");
    c.admin().delete(&format!("{maps}/m")).await.refused(404, "NotFound");
}

#[tokio::test]
async fn a_namespace_must_exist() {
    let c = Cluster::get().await;
    let missing = unique("absent");
    let status = c
        .admin()
        .post(&format!("/api/v1/namespaces/{missing}/configmaps"), &config_map("m"))
        .await
        .refused(404, "NotFound");
    assert_eq!(status["message"], format!("namespaces \"{missing}\" not found"));
    // Lists in it are empty, not an error.
    let list = c.admin().get(&format!("/api/v1/namespaces/{missing}/configmaps")).await.expect(200);
    assert_eq!(list["items"], json!([]));
}

#[tokio::test]
async fn names_and_labels_are_validated() {
    let c = Cluster::get().await;
    let maps = format!("/api/v1/namespaces/{}/configmaps", c.namespace().await);
    let status = c.admin().post(&maps, &config_map("Not_A_Name")).await.refused(422, "Invalid");
    assert_eq!(causes(&status), ["metadata.name"]);
    assert!(status["message"].as_str().unwrap().contains("a lowercase RFC 1123 subdomain must consist of"), "{status}");

    let mut labelled = config_map("m");
    labelled["metadata"]["labels"] = json!({"ok": "yes", "bad key": "x"});
    let status = c.admin().post(&maps, &labelled).await.refused(422, "Invalid");
    assert_eq!(causes(&status), ["metadata.labels"]);
    labelled["metadata"]["labels"] = json!({"a": "not ok!"});
    let status = c.admin().post(&maps, &labelled).await.refused(422, "Invalid");
    assert_eq!(causes(&status), ["metadata.labels"]);

    let mut heavy = config_map("m");
    heavy["metadata"]["annotations"] = json!({"a": "x".repeat(257 * 1024)});
    let status = c.admin().post(&maps, &heavy).await.refused(422, "Invalid");
    assert_eq!(causes(&status), ["metadata.annotations"]);

    let nameless = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}});
    let status = c.admin().post(&maps, &nameless).await.refused(422, "Invalid");
    assert!(causes(&status).contains(&"metadata.name"), "{status}");
}

#[tokio::test]
async fn semantic_faults_name_their_field() {
    let c = Cluster::get().await;
    let namespace = c.namespace().await;
    let secrets = format!("/api/v1/namespaces/{namespace}/secrets");
    let bad_key = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"a b": "eA=="}});
    let status = c.admin().post(&secrets, &bad_key).await.refused(422, "Invalid");
    assert_eq!(causes(&status), ["data[a b]"]);
    let docker = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"},
        "type": "kubernetes.io/dockerconfigjson", "data": {}});
    let status = c.admin().post(&secrets, &docker).await.refused(422, "Invalid");
    assert_eq!(causes(&status), ["data[.dockerconfigjson]"]);

    let services = format!("/api/v1/namespaces/{namespace}/services");
    let port = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"},
        "spec": {"ports": [{"port": 70000}], "clusterIP": "None"}});
    let status = c.admin().post(&services, &port).await.refused(422, "Invalid");
    assert!(causes(&status).contains(&"spec.ports[0].port"), "{status}");
}

#[tokio::test]
async fn secrets_take_string_data_and_stay_when_immutable() {
    let c = Cluster::get().await;
    let secrets = format!("/api/v1/namespaces/{}/secrets", c.namespace().await);
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"},
        "stringData": {"a": "x"}, "immutable": true});
    let created = c.admin().post(&secrets, &secret).await.expect(201);
    assert_eq!((created["type"].as_str(), created["data"]["a"].as_str()), (Some("Opaque"), Some("eA==")));
    assert!(created.get("stringData").is_none(), "stringData is write-only");
    let status =
        c.admin().merge_patch(&format!("{secrets}/s"), &json!({"data": {"a": "eQ=="}})).await.refused(422, "Invalid");
    assert_eq!(causes(&status), ["data"]);
    let labelled = json!({"metadata": {"labels": {"x": "y"}}});
    c.admin().merge_patch(&format!("{secrets}/s"), &labelled).await.expect(200);
}

#[tokio::test]
async fn unknown_fields_follow_field_validation() {
    let c = Cluster::get().await;
    let maps = format!("/api/v1/namespaces/{}/configmaps", c.namespace().await);
    let unknown = |name: &str| {
        let mut object = config_map(name);
        object["flavour"] = "sweet".into();
        object
    };
    let status =
        c.admin().post(&format!("{maps}?fieldValidation=Strict"), &unknown("s")).await.refused(400, "BadRequest");
    let message = status["message"].as_str().unwrap();
    assert!(message.contains("strict decoding error: unknown field \"flavour\""), "{message}");

    let warned = c.admin().post(&format!("{maps}?fieldValidation=Warn"), &unknown("w")).await;
    assert_eq!(warned.warnings(), ["299 - \"unknown field \\\"flavour\\\"\""]);
    assert!(warned.expect(201).get("flavour").is_none(), "unknown fields are not stored");

    let ignored = c.admin().post(&format!("{maps}?fieldValidation=Ignore"), &unknown("i")).await;
    assert!(ignored.warnings().is_empty());
    ignored.expect(201);
    c.admin().post(&format!("{maps}?fieldValidation=Perhaps"), &unknown("p")).await.refused(422, "Invalid");
}

#[tokio::test]
async fn duplicate_fields_are_strict_errors() {
    let c = Cluster::get().await;
    let maps = format!("/api/v1/namespaces/{}/configmaps", c.namespace().await);
    let text = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"d"},"data":{"a":"1","a":"2"}}"#;
    let headers = [("content-type", "application/json")];
    let path = format!("{maps}?fieldValidation=Strict");
    let status = c.admin().call(Method::POST, &path, &headers, text.into()).await.refused(400, "BadRequest");
    assert!(status["message"].as_str().unwrap().contains("duplicate field \"data.a\""), "{status}");
}

#[tokio::test]
async fn malformed_bodies_are_refused() {
    let c = Cluster::get().await;
    let maps = format!("/api/v1/namespaces/{}/configmaps", c.namespace().await);
    let post = |body: &'static str, kind: &'static str| {
        let (admin, maps) = (c.admin().clone(), maps.clone());
        async move { admin.call(Method::POST, &maps, &[("content-type", kind)], body.as_bytes().to_vec()).await }
    };
    post("{\"apiVersion\": \"v1\", ", "application/json").await.refused(400, "BadRequest");
    post("", "application/json").await.refused(400, "BadRequest");
    post("[1, 2]", "application/json").await.refused(400, "BadRequest");
    post(r#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"m"}}"#, "application/json")
        .await
        .refused(400, "BadRequest");
    post(r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m"},"data":{"a":1}}"#, "application/json")
        .await
        .refused(400, "BadRequest");
    post("a=b", "application/x-www-form-urlencoded").await.refused(415, "UnsupportedMediaType");
    // YAML is a wire format of its own.
    post("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: from-yaml}\ndata: {a: \"1\"}\n", "application/yaml")
        .await
        .expect(201);
}

#[tokio::test]
async fn bodies_are_limited_to_three_mebibytes() {
    let c = Cluster::get().await;
    let maps = format!("/api/v1/namespaces/{}/configmaps", c.namespace().await);
    let mut object = config_map("big");
    object["data"]["a"] = "x".repeat(3 * 1024 * 1024 + 1).into();
    c.admin().post(&maps, &object).await.refused(413, "RequestEntityTooLarge");
    // Below the transport's limit the kind's own holds: 1 MiB of data in a ConfigMap.
    object["data"]["a"] = "x".repeat(1024 * 1024 + 1).into();
    c.admin().post(&maps, &object).await.refused(422, "Invalid");
}

#[tokio::test]
async fn methods_and_paths_that_do_not_exist() {
    let c = Cluster::get().await;
    c.admin().get("/api/v1/nothings").await.refused(404, "NotFound");
    // Where no group is, nobody promises a `Status`.
    assert_eq!(c.admin().get("/apis/absent.example.com/v1/things").await.code, 404);
    let maps = format!("/api/v1/namespaces/{}/configmaps", c.namespace().await);
    c.admin().put(&maps, &config_map("m")).await.refused(405, "MethodNotAllowed");
    c.admin().post(&format!("{maps}/m"), &config_map("m")).await.refused(405, "MethodNotAllowed");
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let c = Cluster::get().await;
    let maps = format!("/api/v1/namespaces/{}/configmaps", c.namespace().await);
    let would = c.admin().post(&format!("{maps}?dryRun=All"), &config_map("m")).await.expect(201);
    assert!(!would["metadata"]["uid"].as_str().unwrap().is_empty());
    c.admin().get(&format!("{maps}/m")).await.refused(404, "NotFound");
    c.admin().post(&format!("{maps}?dryRun=All"), &config_map("Bad_Name")).await.refused(422, "Invalid");

    c.admin().post(&maps, &config_map("m")).await.expect(201);
    let patched =
        c.admin().merge_patch(&format!("{maps}/m?dryRun=All"), &json!({"data": {"a": "9"}})).await.expect(200);
    assert_eq!(patched["data"]["a"], "9");
    c.admin().delete(&format!("{maps}/m?dryRun=All")).await.expect(200);
    assert_eq!(c.admin().get(&format!("{maps}/m")).await.expect(200)["data"]["a"], "1");
    c.admin().post(&format!("{maps}?dryRun=Some"), &config_map("n")).await.refused(422, "Invalid");
}

#[tokio::test]
async fn finalizers_hold_an_object() {
    let c = Cluster::get().await;
    let maps = format!("/api/v1/namespaces/{}/configmaps", c.namespace().await);
    let mut held = config_map("m");
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    c.admin().post(&maps, &held).await.expect(201);
    let path = format!("{maps}/m");
    let deleting = c.admin().delete(&path).await.expect(200);
    let since = deleting["metadata"]["deletionTimestamp"].as_str().unwrap().to_owned();
    // Deleting again changes nothing; new finalizers are refused; the object can still be read and changed.
    c.admin().delete(&path).await.expect(200);
    assert_eq!(c.admin().get(&path).await.expect(200)["metadata"]["deletionTimestamp"], since.as_str());
    let more = json!({"metadata": {"finalizers": ["example.com/hold", "example.com/more"]}});
    c.admin().merge_patch(&path, &more).await.refused(422, "Invalid");
    c.admin().merge_patch(&path, &json!({"data": {"a": "2"}})).await.expect(200);
    c.admin().merge_patch(&path, &json!({"metadata": {"finalizers": null}})).await.expect(200);
    wait::gone(c.admin(), &path).await;
}

#[tokio::test]
async fn deletion_has_preconditions() {
    let c = Cluster::get().await;
    let maps = format!("/api/v1/namespaces/{}/configmaps", c.namespace().await);
    let created = c.admin().post(&maps, &config_map("m")).await.expect(201);
    let path = format!("{maps}/m");
    let options =
        |preconditions: Value| json!({"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions});
    let other = options(json!({"uid": "00000000-0000-0000-0000-000000000000"}));
    c.admin().delete_with(&path, &other).await.refused(409, "Conflict");
    c.admin().delete_with(&path, &options(json!({"resourceVersion": "1"}))).await.refused(409, "Conflict");
    let right = json!({"uid": created["metadata"]["uid"], "resourceVersion": created["metadata"]["resourceVersion"]});
    c.admin().delete_with(&path, &options(right)).await.expect(200);
}

#[tokio::test]
async fn a_collection_is_deleted_by_selector() {
    let c = Cluster::get().await;
    let maps = format!("/api/v1/namespaces/{}/configmaps", c.namespace().await);
    for (name, tier) in [("a", "x"), ("b", "x"), ("c", "y")] {
        let mut object = config_map(name);
        object["metadata"]["labels"] = json!({"tier": tier});
        c.admin().post(&maps, &object).await.expect(201);
    }
    c.admin().delete(&format!("{maps}?labelSelector=tier%3Dx")).await.expect(200);
    wait::gone(c.admin(), &format!("{maps}/a")).await;
    wait::gone(c.admin(), &format!("{maps}/b")).await;
    c.admin().get(&format!("{maps}/c")).await.expect(200);
}

#[tokio::test]
async fn other_representations() {
    let c = Cluster::get().await;
    let maps = format!("/api/v1/namespaces/{}/configmaps", c.namespace().await);
    c.admin().post(&maps, &config_map("m")).await.expect(201);
    let table =
        c.admin().get_as(&format!("{maps}/m"), "application/json;as=Table;v=v1;g=meta.k8s.io").await.expect(200);
    assert_eq!((table["kind"].as_str(), table["apiVersion"].as_str()), (Some("Table"), Some("meta.k8s.io/v1")));
    let columns: Vec<_> =
        table["columnDefinitions"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert_eq!(columns, ["Name", "Data", "Age"]);
    assert_eq!(table["rows"][0]["cells"][0], "m");
    assert_eq!(table["rows"][0]["cells"][1], 1);
    assert_eq!(table["rows"][0]["object"]["kind"], "PartialObjectMetadata");

    let partial = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
    let metadata = c.admin().get_as(&format!("{maps}/m"), partial).await.expect(200);
    assert_eq!(
        (metadata["kind"].as_str(), metadata["metadata"]["name"].as_str()),
        (Some("PartialObjectMetadata"), Some("m"))
    );
    assert!(metadata.get("data").is_none());
    let lists = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
    assert_eq!(c.admin().get_as(&maps, lists).await.expect(200)["kind"], "PartialObjectMetadataList");

    let yaml = c.admin().get_as(&format!("{maps}/m"), "application/yaml").await;
    assert!(yaml.headers["content-type"].to_str().unwrap().starts_with("application/yaml"));
    assert!(yaml.text.contains("kind: ConfigMap"), "{}", yaml.text);
    // The first acceptable of several.
    let several = "application/x-unknown, application/json;as=Table;v=v9;g=meta.k8s.io, application/json";
    assert_eq!(c.admin().get_as(&format!("{maps}/m"), several).await.expect(200)["kind"], "ConfigMap");
    c.admin().get_as(&format!("{maps}/m"), "image/png").await.refused(406, "NotAcceptable");
}

#[tokio::test]
async fn generation_counts_changes_of_the_spec() {
    let c = Cluster::get().await;
    let deployments = format!("/apis/apps/v1/namespaces/{}/deployments", c.namespace().await);
    let body = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {
        "replicas": 0, "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}});
    let created = c.admin().post(&deployments, &body).await.expect(201);
    assert_eq!(created["metadata"]["generation"], 1);
    let path = format!("{deployments}/d");
    c.admin().merge_patch(&path, &json!({"metadata": {"labels": {"x": "y"}}})).await.expect(200);
    assert_eq!(c.admin().get(&path).await.expect(200)["metadata"]["generation"], 1);
    c.admin().merge_patch(&path, &json!({"spec": {"paused": true}})).await.expect(200);
    assert_eq!(c.admin().get(&path).await.expect(200)["metadata"]["generation"], 2);
    // Selectors are immutable, and defaults are filled in.
    let selector = json!({"spec": {"selector": {"matchLabels": {"a": "c"}}}});
    c.admin().merge_patch(&path, &selector).await.refused(422, "Invalid");
    assert_eq!(created["spec"]["strategy"]["type"], "RollingUpdate");
    assert_eq!(created["spec"]["template"]["spec"]["restartPolicy"], "Always");
}
