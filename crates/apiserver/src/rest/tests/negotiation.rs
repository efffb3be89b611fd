use super::*;

const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
const PARTIAL: &str = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
const PARTIAL_LIST: &str = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";

impl Cluster {
    async fn accept(&self, accept: &str, uri: &str) -> Reply {
        self.send(Method::GET, uri, &[("accept", accept)], Body::empty()).await
    }
}

#[tokio::test]
async fn tables() {
    let c = Cluster::new().await;
    c.widgets().await;
    c.widget("w", 3).await;
    for uri in [WIDGETS.to_owned(), format!("{WIDGETS}/w")] {
        let table = c.accept(TABLE, &uri).await.expect(200);
        assert_eq!((&table["kind"], &table["apiVersion"]), (&json!("Table"), &json!("meta.k8s.io/v1")));
        let columns: Vec<_> =
            table["columnDefinitions"].as_array().expect("columns").iter().map(|c| c["name"].clone()).collect();
        assert_eq!(columns, ["Name", "Size"]);
        assert_eq!(table["rows"][0]["cells"], json!(["w", 3]));
        assert_eq!(table["rows"][0]["object"]["kind"], "PartialObjectMetadata");
        assert!(table["metadata"]["resourceVersion"].is_string());
        let table = c.accept(TABLE, &format!("{uri}?includeObject=Object")).await.expect(200);
        assert_eq!(table["rows"][0]["object"]["spec"]["size"], 3);
        c.accept(TABLE, &format!("{uri}?includeObject=Maybe")).await.refused(400, "includeObject");
    }
}

#[tokio::test]
async fn metadata_only() {
    let c = Cluster::new().await;
    c.config_map("a", json!({})).await;
    let one = c.accept(PARTIAL, &format!("{MAPS}/a")).await.expect(200);
    assert_eq!((&one["kind"], &one["metadata"]["name"]), (&json!("PartialObjectMetadata"), &json!("a")));
    assert!(one.get("data").is_none());
    let list = c.accept(PARTIAL_LIST, MAPS).await.expect(200);
    assert_eq!(list["kind"], "PartialObjectMetadataList");
    assert_eq!(list["items"][0]["kind"], "PartialObjectMetadata");
}

#[tokio::test]
async fn yaml_both_ways() {
    let c = Cluster::new().await;
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: \"1\"}\n";
    let headers = [("content-type", "application/yaml"), ("accept", "application/yaml")];
    let reply = c.send(Method::POST, MAPS, &headers, text).await;
    assert_eq!(reply.headers["content-type"], "application/yaml");
    let yaml = reply.expect(201);
    let parsed: Value = serde_saphyr::from_str(yaml.as_str().expect("text")).expect("YAML");
    assert_eq!(parsed["data"]["x"], "1");
    let list = c.accept("application/yaml", MAPS).await.expect(200);
    assert!(list.as_str().expect("text").contains("kind: ConfigMapList"));
}

#[tokio::test]
async fn what_cannot_be_answered_or_read() {
    let c = Cluster::new().await;
    c.accept("application/vnd.kubernetes.protobuf", MAPS)
        .await
        .refused(406, "only the following media types are accepted");
    c.accept("text/html", MAPS).await.refused(406, "application/json");
    assert_eq!(
        c.accept("application/vnd.kubernetes.protobuf,application/json", MAPS).await.expect(200)["kind"],
        "ConfigMapList"
    );
    assert_eq!(c.accept("*/*", MAPS).await.expect(200)["kind"], "ConfigMapList");
    c.send(Method::POST, MAPS, &[("content-type", "text/plain")], "{}").await.refused(415, "application/json");
    c.widgets().await;
    let protobuf = [("content-type", "application/vnd.kubernetes.protobuf")];
    c.send(Method::POST, WIDGETS, &protobuf, "k8s\0").await.refused(415, "application/json");
    c.send(Method::POST, MAPS, &protobuf, "k8s\0\x0a\x7f").await.refused(400, "protobuf parse error");
}

#[tokio::test]
async fn pretty() {
    let c = Cluster::new().await;
    let made = c.config_map("a", json!({})).await;
    let response = respond(&c.router, Method::GET, &format!("{MAPS}/a?pretty=true"), &[], Body::empty()).await;
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    assert!(bytes.starts_with(b"{\n  \""));
    assert_eq!(serde_json::from_slice::<Value>(&bytes).expect("JSON"), made);
}

/// Byte for byte what kubectl 1.32 sends for `create configmap x --from-literal=a=b`.
#[tokio::test]
async fn built_in_kinds_may_come_in_protobuf() {
    let c = Cluster::new().await;
    let body: &[u8] = b"k8s\0\x0a\x0f\x0a\x02v1\x12\x09ConfigMap\x12\x1b\x0a\x11\x0a\x01x\x12\x00\x1a\x00\x22\x00\x2a\x002\x008\x00B\x00\x12\x06\x0a\x01a\x12\x01b\x1a\x00\x22\x00";
    let headers = [
        ("content-type", "application/vnd.kubernetes.protobuf"),
        ("accept", "application/vnd.kubernetes.protobuf,application/json"),
    ];
    let made = c.send(Method::POST, &format!("{MAPS}?fieldValidation=Strict"), &headers, body).await.expect(201);
    assert_eq!((&made["metadata"]["name"], &made["data"]), (&json!("x"), &json!({"a": "b"})));
}

#[tokio::test]
async fn too_many_requests_are_told_to_come_back() {
    let c = Cluster::new().await;
    let limit = u32::try_from(super::super::READS_IN_FLIGHT).expect("small");
    let all = c.api.inner.reads.acquire_many(limit).await.expect("free");
    let reply = c.get(MAPS).await;
    assert_eq!(reply.headers["retry-after"], "1");
    reply.refused(429, "Too many requests");
    c.config_map("a", json!({})).await;
    drop(all);
    c.get(MAPS).await.expect(200);
}
