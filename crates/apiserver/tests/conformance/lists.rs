//! Lists: chunks, selectors, resource versions ("Kubernetes API Concepts", "Retrieving large results sets in chunks",
//! "Resource versions").

use serde_json::{Value, json};

use super::cluster::Cluster;

async fn fill(c: &Cluster, count: usize) -> String {
    let maps = format!("/api/v1/namespaces/{}/configmaps", c.namespace().await);
    for i in 0..count {
        let parity = if i % 2 == 0 { "even" } else { "odd" };
        let body = json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": format!("m{i:02}"), "labels": {"parity": parity, "made-by": "conformance"}}});
        c.admin().post(&maps, &body).await.expect(201);
    }
    maps
}

fn names(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|i| i["metadata"]["name"].as_str().unwrap()).collect()
}

/// Without the root CA `ConfigMap` that every namespace gets.
const OURS: &str = "labelSelector=made-by%3Dconformance";

#[tokio::test]
async fn a_list_is_ordered_and_versioned() {
    let c = Cluster::get().await;
    let maps = fill(&c, 3).await;
    let list = c.admin().get(&format!("{maps}?{OURS}")).await.expect(200);
    assert_eq!((list["kind"].as_str(), list["apiVersion"].as_str()), (Some("ConfigMapList"), Some("v1")));
    assert_eq!(names(&list), ["m00", "m01", "m02"]);
    let version: u64 = list["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap();
    for item in list["items"].as_array().unwrap() {
        assert!(item["metadata"]["resourceVersion"].as_str().unwrap().parse::<u64>().unwrap() <= version);
    }
}

#[tokio::test]
async fn chunks_are_one_consistent_list() {
    let c = Cluster::get().await;
    let maps = fill(&c, 7).await;
    let first = c.admin().get(&format!("{maps}?{OURS}&limit=3")).await.expect(200);
    assert_eq!(names(&first), ["m00", "m01", "m02"]);
    let token = first["metadata"]["continue"].as_str().unwrap().to_owned();
    // Changes between chunks do not show: the token carries the version of the first chunk.
    c.admin().delete(&format!("{maps}/m04")).await.expect(200);
    let late = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m035", "labels": {"made-by": "conformance"}}});
    c.admin().post(&maps, &late).await.expect(201);
    let second = c.admin().get(&format!("{maps}?{OURS}&limit=3&continue={token}")).await.expect(200);
    assert_eq!(names(&second), ["m03", "m04", "m05"]);
    assert_eq!(second["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
    let token = second["metadata"]["continue"].as_str().unwrap();
    let third = c.admin().get(&format!("{maps}?{OURS}&limit=3&continue={token}")).await.expect(200);
    assert_eq!(names(&third), ["m06"]);
    assert_eq!(third["metadata"]["continue"].as_str().unwrap_or(""), "");
}

#[tokio::test]
async fn remaining_items_are_counted_without_selector() {
    let c = Cluster::get().await;
    let maps = fill(&c, 4).await;
    let all = c.admin().get(&maps).await.expect(200)["items"].as_array().unwrap().len();
    let first = c.admin().get(&format!("{maps}?limit=1")).await.expect(200);
    assert_eq!(first["metadata"]["remainingItemCount"], all - 1);
    let selected = c.admin().get(&format!("{maps}?{OURS}&limit=1")).await.expect(200);
    assert!(selected["metadata"].get("remainingItemCount").is_none(), "not with a selector: {}", selected["metadata"]);
}

#[tokio::test]
async fn bad_continue_tokens_are_refused() {
    let c = Cluster::get().await;
    let maps = fill(&c, 1).await;
    c.admin().get(&format!("{maps}?limit=1&continue=nonsense")).await.refused(400, "BadRequest");
}

#[tokio::test]
async fn label_selectors() {
    let c = Cluster::get().await;
    let maps = fill(&c, 4).await;
    for (selector, expected) in [
        ("parity%3Deven,made-by", vec!["m00", "m02"]),
        ("parity!%3Deven,made-by", vec!["m01", "m03"]),
        ("parity+in+(odd,none),made-by%3D%3Dconformance", vec!["m01", "m03"]),
        ("parity+notin+(odd),made-by", vec!["m00", "m02"]),
        ("!parity,made-by", vec![]),
        ("parity", vec!["m00", "m01", "m02", "m03"]),
    ] {
        let list = c.admin().get(&format!("{maps}?labelSelector={selector}")).await.expect(200);
        assert_eq!(names(&list), expected, "{selector}");
    }
    c.admin().get(&format!("{maps}?labelSelector=a+in+b")).await.refused(400, "BadRequest");
    c.admin().get(&format!("{maps}?labelSelector=-bad-%3Dx")).await.refused(400, "BadRequest");
}

#[tokio::test]
async fn field_selectors() {
    let c = Cluster::get().await;
    let maps = fill(&c, 3).await;
    let list = c.admin().get(&format!("{maps}?fieldSelector=metadata.name%3Dm01")).await.expect(200);
    assert_eq!(names(&list), ["m01"]);
    let list = c.admin().get(&format!("{maps}?{OURS}&fieldSelector=metadata.name!%3Dm01")).await.expect(200);
    assert_eq!(names(&list), ["m00", "m02"]);
    let status = c.admin().get(&format!("{maps}?fieldSelector=data.a%3D1")).await.refused(400, "BadRequest");
    assert!(status["message"].as_str().unwrap().contains("\"data.a\" is not a known field selector"), "{status}");

    let secrets = maps.replace("configmaps", "secrets");
    for (name, kind) in [("a", "Opaque"), ("b", "example.com/custom")] {
        let body = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": kind});
        c.admin().post(&secrets, &body).await.expect(201);
    }
    let list = c.admin().get(&format!("{secrets}?fieldSelector=type%3Dexample.com/custom")).await.expect(200);
    assert_eq!(names(&list), ["b"]);
}

#[tokio::test]
async fn all_namespaces_at_once() {
    let c = Cluster::get().await;
    fill(&c, 1).await;
    fill(&c, 1).await;
    let list = c.admin().get(&format!("/api/v1/configmaps?{OURS}")).await.expect(200);
    let namespaces: std::collections::BTreeSet<_> =
        list["items"].as_array().unwrap().iter().map(|i| i["metadata"]["namespace"].as_str().unwrap()).collect();
    assert!(namespaces.len() >= 2, "{namespaces:?}");
}

#[tokio::test]
async fn resource_versions_select_the_moment() {
    let c = Cluster::get().await;
    let maps = fill(&c, 2).await;
    let before = c.admin().get(&format!("{maps}?{OURS}")).await.expect(200);
    let version = before["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    c.admin().delete(&format!("{maps}/m00")).await.expect(200);
    let exact = format!("{maps}?{OURS}&resourceVersion={version}&resourceVersionMatch=Exact");
    assert_eq!(names(&c.admin().get(&exact).await.expect(200)), ["m00", "m01"]);
    let newer = format!("{maps}?{OURS}&resourceVersion={version}&resourceVersionMatch=NotOlderThan");
    let list = c.admin().get(&newer).await.expect(200);
    assert!(
        list["metadata"]["resourceVersion"].as_str().unwrap().parse::<u64>().unwrap()
            >= version.parse::<u64>().unwrap()
    );
    c.admin().get(&format!("{maps}?resourceVersionMatch=Exact")).await.refused(422, "Invalid");
    c.admin().get(&format!("{maps}?resourceVersion=abc")).await.refused(400, "BadRequest");
    let any = c.admin().get(&format!("{maps}?{OURS}&resourceVersion=0")).await.expect(200);
    assert!(any["items"].is_array());
}
