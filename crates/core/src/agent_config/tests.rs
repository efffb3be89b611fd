use serde_json::json;

use super::*;

fn site() -> Site {
    Site {
        apiserver_url: "https://10.0.0.1:6443".into(),
        ca_pem: Some("PEM".into()),
        kubernetes_version: Some("v1.33.1".into()),
        cluster_dns: "10.96.0.10".parse().unwrap(),
        serve_url: "http://10.0.0.2:8880".into(),
        provider_labels: BTreeMap::new(),
    }
}

fn machine(spec: &serde_json::Value) -> Machine {
    let machine = json!({
        "apiVersion": "unbounded-cloud.io/v1alpha3", "kind": "Machine", "metadata": { "name": "n1" }, "spec": spec,
    });
    serde_json::from_value(machine).unwrap()
}

#[test]
fn a_bare_machine() {
    let config = AgentConfig::new(&machine(&json!({})), &site());
    let expected = json!({
        "MachineName": "n1",
        "Cluster": { "CaCertBase64": "UEVN", "ClusterDNS": "10.96.0.10", "Version": "v1.33.1" },
        "Kubelet": {
            "ApiServer": "https://10.0.0.1:6443", "Auth": {},
            "Labels": { "unbounded-cloud.io/machine": "n1" }, "RegisterWithTaints": [],
        },
        "CRI": { "Containerd": {}, "Runc": {} },
        "CNI": {},
        "OCIImage": "",
        "Attest": { "URL": "http://10.0.0.2:8880" },
    });
    assert_eq!(serde_json::to_value(&config).unwrap(), expected);
}

#[test]
fn the_machine_says_more() {
    let spec = json!({
        "kubernetes": {
            "version": "1.30.2", "registerWithTaints": ["a=b:NoSchedule"],
            "nodeLabels": { "unbounded-cloud.io/machine": "forged", "zone": "mine", "rack": "r1" },
        },
        "agent": {
            "image": "agent:1", "version": "v2",
            "downloads": { "cni": { "baseURL": "https://mirror/cni" }, "runc": { "url": "u", "version": "1.2" }, "crictl": {} },
        },
    });
    let provider_labels = BTreeMap::from([("zone".to_owned(), "theirs".to_owned())]);
    let config = AgentConfig::new(&machine(&spec), &Site { provider_labels, ..site() });
    let value = serde_json::to_value(&config).unwrap();
    assert_eq!(value["Cluster"]["Version"], "v1.30.2");
    assert_eq!(
        value["Kubelet"]["Labels"],
        json!({ "unbounded-cloud.io/machine": "n1", "zone": "theirs", "rack": "r1" })
    );
    assert_eq!(value["Kubelet"]["RegisterWithTaints"], json!(["a=b:NoSchedule"]));
    assert_eq!(value["OCIImage"], "agent:1");
    let downloads = json!({
        "Runc": { "URL": "u", "Version": "1.2" }, "CNI": { "BaseURL": "https://mirror/cni" }, "Agent": { "Version": "v2" },
    });
    assert_eq!(value["Downloads"], downloads);
}

#[test]
fn what_is_not_known_is_empty() {
    let config = AgentConfig::new(&machine(&json!({})), &Site { ca_pem: None, kubernetes_version: None, ..site() });
    let value = serde_json::to_value(&config).unwrap();
    assert_eq!((&value["Cluster"]["CaCertBase64"], &value["Cluster"]["Version"]), (&json!(""), &json!("")));
}

#[test]
fn the_text_fits_into_a_yaml_block() {
    let text = AgentConfig::new(&machine(&json!({})), &site()).to_template_json();
    assert!(
        text.starts_with("{\n      \"MachineName\": \"n1\",\n      \"Cluster\": {\n        \"CaCertBase64\""),
        "{text}"
    );
    assert!(text.ends_with("\n    }"), "{text}");
    assert!(text.lines().skip(1).all(|line| line.starts_with("    ")));
    let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(parsed["MachineName"], "n1");
}
