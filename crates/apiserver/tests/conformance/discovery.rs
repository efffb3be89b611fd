//! Discovery, `OpenAPI`, version and health: "The Kubernetes API".

use serde_json::{Value, json};

use super::{cluster::Cluster, crds, wait};

fn named<'a>(list: &'a Value, name: &str) -> &'a Value {
    list.as_array().unwrap().iter().find(|r| r["name"] == name).unwrap_or(&Value::Null)
}

#[tokio::test]
async fn the_classic_documents() {
    let c = Cluster::get().await;
    let api = c.admin().get("/api").await.expect(200);
    assert_eq!((api["kind"].as_str(), &api["versions"]), (Some("APIVersions"), &json!(["v1"])));
    let groups = c.admin().get("/apis").await.expect(200);
    assert_eq!(groups["kind"], "APIGroupList");
    for group in
        ["apps", "apiextensions.k8s.io", "coordination.k8s.io", "certificates.k8s.io", "rbac.authorization.k8s.io"]
    {
        let found = named(&groups["groups"], group);
        assert_eq!(found["preferredVersion"]["version"], "v1", "{group}: {found}");
    }
    let core = c.admin().get("/api/v1").await.expect(200);
    assert_eq!((core["kind"].as_str(), core["groupVersion"].as_str()), (Some("APIResourceList"), Some("v1")));
    let pods = named(&core["resources"], "pods");
    assert_eq!(
        (pods["kind"].as_str(), pods["namespaced"].as_bool(), &pods["shortNames"]),
        (Some("Pod"), Some(true), &json!(["po"]))
    );
    assert_eq!(named(&core["resources"], "nodes/status")["verbs"], json!(["get", "patch", "update"]));
    let token = named(&core["resources"], "serviceaccounts/token");
    assert_eq!(
        (token["kind"].as_str(), token["group"].as_str()),
        (Some("TokenRequest"), Some("authentication.k8s.io"))
    );
    let group = c.admin().get("/apis/apps").await.expect(200);
    assert_eq!((group["kind"].as_str(), group["name"].as_str()), (Some("APIGroup"), Some("apps")));
}

#[tokio::test]
async fn the_aggregated_documents() {
    let c = Cluster::get().await;
    let w = crds::install(&c).await;
    let accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
    let answer = c.admin().get_as("/apis", accept).await;
    assert!(
        answer.headers["content-type"].to_str().unwrap().contains("as=APIGroupDiscoveryList"),
        "{:?}",
        answer.headers
    );
    let list = answer.expect(200);
    assert_eq!(
        (list["kind"].as_str(), list["apiVersion"].as_str()),
        (Some("APIGroupDiscoveryList"), Some("apidiscovery.k8s.io/v2"))
    );
    let group = list["items"].as_array().unwrap().iter().find(|g| g["metadata"]["name"] == w.group.as_str()).unwrap();
    let widgets = &group["versions"][0]["resources"][0];
    assert_eq!(widgets["resource"], "widgets");
    assert_eq!(widgets["responseKind"], json!({"group": w.group, "version": "v1", "kind": "Widget"}));
    assert_eq!((widgets["scope"].as_str(), widgets["singularResource"].as_str()), (Some("Namespaced"), Some("widget")));
    assert_eq!((&widgets["shortNames"], &widgets["categories"]), (&json!(["wdg"]), &json!(["toys"])));
    assert_eq!(widgets["subresources"][0]["subresource"], "status");
    let core = c.admin().get_as("/api", accept).await.expect(200);
    assert_eq!(core["kind"], "APIGroupDiscoveryList");
}

#[tokio::test]
async fn custom_kinds_are_discovered_and_described() {
    let c = Cluster::get().await;
    let w = crds::install(&c).await;
    let resources = c.admin().get(&format!("/apis/{}/v1", w.group)).await.expect(200);
    let widgets = named(&resources["resources"], "widgets");
    assert_eq!((widgets["singularName"].as_str(), widgets["kind"].as_str()), (Some("widget"), Some("Widget")));

    // The documents follow the definitions, they do not wait for them.
    let url = wait::until("the group has a document", || async {
        let index = c.admin().get("/openapi/v3").await;
        let url = index.json["paths"][format!("apis/{}/v1", w.group)]["serverRelativeURL"].as_str();
        url.map(str::to_owned).ok_or_else(|| format!("{} {} bytes", index.code, index.text.len()))
    })
    .await;
    let document = c.admin().get(&url).await.expect(200);
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let (_, widget) = schemas
        .iter()
        .find(|(_, s)| s["x-kubernetes-group-version-kind"][0]["kind"] == "Widget")
        .expect("a schema of the kind Widget");
    assert_eq!(widget["properties"]["spec"]["properties"]["size"]["description"], "How large, in centimetres.");
    let core = c.admin().get("/openapi/v3/api/v1").await.expect(200);
    assert!(core["components"]["schemas"]["io.k8s.api.core.v1.ConfigMap"].is_object());

    let v2 = c.admin().get("/openapi/v2").await.expect(200);
    assert_eq!(v2["swagger"], "2.0");
    assert!(v2["definitions"]["io.k8s.api.apps.v1.Deployment"].is_object());
    wait::until("custom kinds are in the v2 document too", || async {
        let v2 = c.admin().get("/openapi/v2").await.expect(200);
        let ours = json!({"group": w.group, "version": "v1", "kind": "Widget"});
        let definitions = v2["definitions"].as_object().unwrap();
        let found = definitions.values().any(|d| d["x-kubernetes-group-version-kind"][0] == ours);
        if found { Ok(()) } else { Err(format!("{} definitions", definitions.len())) }
    })
    .await;
}

#[tokio::test]
async fn version_and_health() {
    let c = Cluster::get().await;
    let version = c.anonymous().get("/version").await.expect(200);
    assert_eq!(version["major"], "1");
    assert!(version["gitVersion"].as_str().unwrap().starts_with("v1."), "{version}");
    for path in ["/healthz", "/livez", "/readyz"] {
        let answer = c.anonymous().get(path).await;
        assert_eq!((answer.code, answer.text.as_str()), (200, "ok"), "{path}");
    }
    let verbose = c.admin().get("/readyz?verbose").await;
    assert!(verbose.text.contains("[+]") && verbose.text.contains("readyz check passed"), "{}", verbose.text);
}
