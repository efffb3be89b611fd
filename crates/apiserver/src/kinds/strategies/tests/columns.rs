//! What `kubectl get` shows.

use serde_json::json;

use super::*;

fn now() -> jiff::Timestamp {
    "2026-01-01T01:00:00Z".parse().unwrap()
}

/// Cells by the header above them.
fn shown(group: &str, plural: &str, mut object: Value) -> Vec<(String, Value)> {
    let r = resource(group, plural);
    let meta = crate::object::metadata_mut(&mut object);
    meta.insert("name".into(), "x".into());
    meta.insert("creationTimestamp".into(), NOW.into());
    r.strategy.columns().into_iter().map(|c| c.name).zip(r.strategy.cells(&object, now())).collect()
}

/// Group, plural, object, and some of the cells it gets.
type Case = (&'static str, &'static str, Value, Vec<(&'static str, Value)>);

#[test]
fn cells_by_kind() {
    let template = json!({"spec": {"containers": [{"name": "a", "image": "i"}, {"name": "b", "image": "j"}]}});
    let cases: Vec<Case> = vec![
        (
            "",
            "configmaps",
            json!({"data": {"a": ""}, "binaryData": {"b": ""}}),
            vec![("Data", json!(2)), ("Age", json!("60m"))],
        ),
        (
            "",
            "secrets",
            json!({"type": "Opaque", "data": {"a": ""}}),
            vec![("Type", json!("Opaque")), ("Data", json!(1))],
        ),
        ("", "namespaces", json!({"status": {"phase": "Active"}}), vec![("Status", json!("Active"))]),
        (
            "",
            "nodes",
            json!({
            "metadata": {"labels": {"node-role.kubernetes.io/worker": "", "node-role.kubernetes.io/control-plane": ""}},
            "spec": {"unschedulable": true},
            "status": {"conditions": [{"type": "Ready", "status": "True"}], "nodeInfo": {"kubeletVersion": "v1.35.0"},
                "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}]}}),
            vec![
                ("Status", json!("Ready,SchedulingDisabled")),
                ("Roles", json!("control-plane,worker")),
                ("Version", json!("v1.35.0")),
                ("Internal-IP", json!("10.0.0.1")),
                ("External-IP", json!("<none>")),
                ("OS-Image", json!("<unknown>")),
            ],
        ),
        ("", "nodes", json!({}), vec![("Status", json!("Unknown")), ("Roles", json!("<none>"))]),
        (
            "",
            "services",
            json!({"spec": {"type": "NodePort", "clusterIP": "10.96.1.1", "selector": {"a": "b"},
            "ports": [{"port": 80, "nodePort": 30080, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]}}),
            vec![
                ("Cluster-IP", json!("10.96.1.1")),
                ("External-IP", json!("<none>")),
                ("Port(s)", json!("80:30080/TCP,53/UDP")),
                ("Selector", json!("a=b")),
            ],
        ),
        ("", "services", json!({"spec": {"type": "LoadBalancer"}}), vec![("External-IP", json!("<pending>"))]),
        (
            "",
            "endpoints",
            json!({"subsets": [{"addresses": [{"ip": "1.1.1.1"}, {"ip": "1.1.1.2"}],
            "ports": [{"port": 1}, {"port": 2}]}]}),
            vec![("Endpoints", json!("1.1.1.1:1,1.1.1.1:2,1.1.1.2:1 + 1 more..."))],
        ),
        (
            "apps",
            "deployments",
            json!({"spec": {"replicas": 3, "template": template, "selector": {"matchLabels": {"a": "b"}}},
            "status": {"readyReplicas": 2, "updatedReplicas": 1, "availableReplicas": 2}}),
            vec![
                ("Ready", json!("2/3")),
                ("Up-to-date", json!(1)),
                ("Available", json!(2)),
                ("Containers", json!("a,b")),
                ("Images", json!("i,j")),
                ("Selector", json!("a=b")),
            ],
        ),
        (
            "apps",
            "daemonsets",
            json!({"spec": {"template": template}, "status": {"desiredNumberScheduled": 4}}),
            vec![("Desired", json!(4)), ("Current", json!(0)), ("Node Selector", json!("<none>"))],
        ),
        ("coordination.k8s.io", "leases", json!({"spec": {"holderIdentity": "me"}}), vec![("Holder", json!("me"))]),
        (
            "certificates.k8s.io",
            "certificatesigningrequests",
            json!({
            "spec": {"signerName": "a/b", "username": "jane", "expirationSeconds": 7200},
            "status": {"certificate": "x", "conditions": [{"type": "Approved"}]}}),
            vec![
                ("SignerName", json!("a/b")),
                ("Requestor", json!("jane")),
                ("RequestedDuration", json!("120m")),
                ("Condition", json!("Approved,Issued")),
            ],
        ),
        ("rbac.authorization.k8s.io", "roles", json!({}), vec![("Created At", json!(NOW))]),
        (
            "rbac.authorization.k8s.io",
            "rolebindings",
            json!({"roleRef": {"kind": "Role", "name": "r"}, "subjects": [
            {"kind": "User", "name": "a"}, {"kind": "User", "name": "b"},
            {"kind": "ServiceAccount", "namespace": "n", "name": "s"}]}),
            vec![
                ("Role", json!("Role/r")),
                ("Users", json!("a, b")),
                ("Groups", json!("")),
                ("ServiceAccounts", json!("n/s")),
            ],
        ),
        (
            "policy",
            "poddisruptionbudgets",
            json!({"spec": {"minAvailable": "50%"}, "status": {"disruptionsAllowed": 1}}),
            vec![("Min Available", json!("50%")), ("Max Unavailable", json!("N/A")), ("Allowed Disruptions", json!(1))],
        ),
        (
            "",
            "events",
            json!({"type": "Normal", "reason": "R", "message": " m\n", "involvedObject": {"kind": "Pod", "name": "p"},
            "firstTimestamp": "2026-01-01T00:30:00Z", "lastTimestamp": "2026-01-01T00:59:00Z", "count": 4,
            "source": {"component": "c", "host": "h"}}),
            vec![
                ("Last Seen", json!("60s")),
                ("Object", json!("pod/p")),
                ("Source", json!("c, h")),
                ("Message", json!("m")),
                ("First Seen", json!("30m")),
                ("Count", json!("4")),
            ],
        ),
        (
            "events.k8s.io",
            "events",
            json!({"note": "n", "regarding": {"kind": "Node"}, "eventTime": "2026-01-01T00:59:00.5Z",
            "reportingController": "k"}),
            vec![
                ("Last Seen", json!("60s")),
                ("Object", json!("node")),
                ("Source", json!("k")),
                ("Message", json!("n")),
                ("Count", json!("1")),
            ],
        ),
    ];
    for (group, plural, object, expected) in cases {
        let all = shown(group, plural, object.clone());
        for (header, cell) in &expected {
            let found = all.iter().find(|(h, _)| h == header).unwrap_or_else(|| panic!("{plural} has no {header}"));
            assert_eq!(found.1, *cell, "{plural} {header}: {object}");
        }
    }
}

#[test]
fn what_pods_do() {
    let containers = json!([{"name": "a"}, {"name": "b"}]);
    let running = |ready: bool| json!({"ready": ready, "state": {"running": {"startedAt": NOW}}, "restartCount": 0});
    for (status, expected, ready) in [
        (json!({"phase": "Pending"}), "Pending", "0/2"),
        (json!({"phase": "Running", "containerStatuses": [running(true), running(true)]}), "Running", "2/2"),
        (json!({"phase": "Failed", "reason": "Evicted"}), "Evicted", "0/2"),
        (
            json!({"phase": "Running", "containerStatuses": [running(true),
                {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "restartCount": 3}]}),
            "CrashLoopBackOff",
            "1/2",
        ),
        (
            json!({"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"exitCode": 3}}}]}),
            "ExitCode:3",
            "0/2",
        ),
        (
            json!({"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"signal": 9}}}]}),
            "Signal:9",
            "0/2",
        ),
        (
            json!({"phase": "Running", "containerStatuses": [{"state": {"terminated": {"reason": "Completed"}}}, running(true)]}),
            "NotReady",
            "1/2",
        ),
        (
            json!({"phase": "Pending", "initContainerStatuses": [{"name": "i", "state": {"terminated": {"exitCode": 0}}},
                {"name": "j", "state": {"running": {}}}]}),
            "Init:1/2",
            "0/2",
        ),
        (
            json!({"phase": "Pending", "initContainerStatuses": [{"name": "i", "state": {"terminated": {"exitCode": 1, "reason": "Error"}}}]}),
            "Init:Error",
            "0/2",
        ),
        (
            json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "reason": "SchedulingGated"}]}),
            "SchedulingGated",
            "0/2",
        ),
    ] {
        let init = json!([{"name": "i"}, {"name": "j"}]);
        let mut pod = json!({"spec": {"containers": containers, "initContainers": init}, "status": status});
        let all = shown("", "pods", pod.clone());
        assert_eq!((all[2].1.as_str(), all[1].1.as_str()), (Some(expected), Some(ready)), "{status}");
        pod["metadata"] = json!({"deletionTimestamp": NOW});
        let ending = &shown("", "pods", pod)[2].1;
        let over = status["phase"] == "Failed";
        assert_eq!(ending, if over { expected } else { "Terminating" }, "{status}");
    }
}

#[test]
fn restarts_say_when() {
    let pod = json!({"spec": {"containers": [{"name": "a"}]}, "status": {"phase": "Running", "containerStatuses": [
        {"ready": true, "state": {"running": {}}, "restartCount": 2,
            "lastState": {"terminated": {"finishedAt": "2026-01-01T00:55:00Z"}}}]}});
    assert_eq!(shown("", "pods", pod)[3], ("Restarts".to_owned(), json!("2 (5m ago)")));
}
