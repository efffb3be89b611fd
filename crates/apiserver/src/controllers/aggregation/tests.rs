use serde_json::json;

use super::*;
use crate::controllers::tests::Cluster;

fn role(name: &str, labels: &Value, rules: &Value, selects: Option<&str>) -> Value {
    let mut role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": name, "uid": format!("uid-{name}"), "labels": labels}, "rules": rules,
    });
    if let Some(label) = selects {
        role["aggregationRule"] = json!({"clusterRoleSelectors": [{"matchLabels": {label: "true"}}]});
    }
    role
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_aggregated_role_follows_what_it_selects() {
    let c = Cluster::start();
    let reads = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]);
    let writes = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["update"]}]);
    let part = c.put(RESOURCE, role("part", &json!({"to-all": "true"}), &reads, None)).await;
    let all = c.put(RESOURCE, role("all", &json!({}), &writes, Some("to-all"))).await;
    let rules = |expected: &Value| c.get(&all).is_some_and(|r| r["rules"] == *expected);
    c.until("own rules give way to the selected ones", || rules(&reads)).await;
    c.change(&part, |r| r["rules"] = writes.clone()).await;
    c.until("the rules follow", || rules(&writes)).await;
    c.change(&part, |r| r["metadata"]["labels"] = json!({})).await;
    c.until("nothing is selected any more", || rules(&json!([]))).await;
}
