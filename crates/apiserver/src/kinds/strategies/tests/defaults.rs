//! What the server fills in, and what it keeps.

use serde_json::json;

use super::*;

#[test]
fn secrets_take_plain_text_and_never_keep_it() {
    let r = resource("", "secrets");
    let (made, errors) = create(&r, json!({"data": {"a": "eA==", "b": "eQ=="}, "stringData": {"b": "new"}}));
    assert_eq!(errors, [""; 0]);
    assert_eq!(made, json!({"type": "Opaque", "data": {"a": "eA==", "b": "bmV3"}}));
    let (kept, errors) =
        update(&r, "", &json!({"type": "kubernetes.io/tls", "data": {"tls.crt": "", "tls.key": ""}}), |s| {
            s["data"]["tls.key"] = "eA==".into();
        });
    assert_eq!((kept["type"].as_str(), errors.len()), (Some("kubernetes.io/tls"), 0));
}

#[test]
fn namespaces_are_active_labelled_and_held() {
    let r = resource("", "namespaces");
    let (made, errors) = create(&r, json!({"metadata": {"name": "x"}}));
    assert_eq!(errors, [""; 0]);
    assert_eq!(made["spec"]["finalizers"], json!(["kubernetes"]));
    assert_eq!(made["status"]["phase"], "Active");
    assert_eq!(made["metadata"]["labels"]["kubernetes.io/metadata.name"], "x");
    let generated = r.strategy.to_storage(json!({"metadata": {"name": "x-abcde"}}));
    assert_eq!(generated["metadata"]["labels"]["kubernetes.io/metadata.name"], "x-abcde");
    let (updated, _) = update(&r, "", &made, |n| n["spec"]["finalizers"] = json!([]));
    assert_eq!(updated["spec"]["finalizers"], json!(["kubernetes"]), "that is for the finalize subresource");
    let (updated, _) = update(&r, "finalize", &made, |n| n["spec"]["finalizers"] = json!([]));
    assert_eq!(updated["spec"]["finalizers"], json!([]));
    let (_, errors) = update(&r, "finalize", &made, |n| n["spec"]["finalizers"] = json!(["mine"]));
    let expected = "spec.finalizers[0]: Invalid value: \"mine\": name is neither a standard finalizer name nor is it fully qualified";
    assert_eq!(errors, [expected]);
}

#[test]
fn pods_and_templates_get_the_defaults_people_see() {
    let spec = json!({
        "serviceAccount": "robot",
        "containers": [{"name": "a", "image": "x:1", "ports": [{"containerPort": 80}],
            "livenessProbe": {"httpGet": {"port": 80}},
            "env": [{"name": "E", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]}, {"name": "b", "image": "localhost:5000/x"}],
        "volumes": [{"name": "s", "secret": {"secretName": "s"}}, {"name": "e"}],
    });
    let (made, errors) = create(&resource("", "pods"), json!({"spec": spec}));
    assert_eq!(errors, [""; 0]);
    let s = &made["spec"];
    for (field, value) in [
        ("restartPolicy", json!("Always")),
        ("dnsPolicy", json!("ClusterFirst")),
        ("terminationGracePeriodSeconds", json!(30)),
        ("schedulerName", json!("default-scheduler")),
        ("enableServiceLinks", json!(true)),
        ("serviceAccountName", json!("robot")),
        ("securityContext", json!({})),
    ] {
        assert_eq!(s[field], value, "{field}");
    }
    let a = &s["containers"][0];
    assert_eq!(
        (&a["imagePullPolicy"], &s["containers"][1]["imagePullPolicy"]),
        (&json!("IfNotPresent"), &json!("Always"))
    );
    assert_eq!(a["ports"][0]["protocol"], "TCP");
    assert_eq!(a["resources"], json!({}));
    assert_eq!(a["env"][0]["valueFrom"]["fieldRef"]["apiVersion"], "v1");
    assert_eq!(
        a["livenessProbe"],
        json!({"httpGet": {"port": 80, "path": "/", "scheme": "HTTP"}, "timeoutSeconds": 1, "periodSeconds": 10,
            "successThreshold": 1, "failureThreshold": 3})
    );
    assert_eq!(s["volumes"][0]["secret"]["defaultMode"], 420);
    assert_eq!(s["volumes"][1]["emptyDir"], json!({}));
    assert_eq!(made["status"], json!({"phase": "Pending", "qosClass": "BestEffort"}));
}

#[test]
fn apps_get_their_strategies() {
    let spec = json!({"selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a", "image": "x"}]}}});
    for (plural, field, expected) in [
        (
            "deployments",
            "strategy",
            json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}),
        ),
        (
            "daemonsets",
            "updateStrategy",
            json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}),
        ),
        ("statefulsets", "updateStrategy", json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}})),
        ("replicasets", "replicas", json!(1)),
    ] {
        let (made, errors) = create(&resource("apps", plural), json!({"spec": spec, "status": {"replicas": 9}}));
        assert_eq!(errors, [""; 0], "{plural}");
        assert_eq!(made["spec"][field], expected, "{plural}");
        assert_eq!(made["spec"]["template"]["spec"]["restartPolicy"], "Always");
        assert_eq!(made["status"], json!({}), "status is not the client's");
    }
    let mut recreate = spec;
    recreate["strategy"] = json!({"type": "Recreate"});
    let (made, _) = create(&resource("apps", "deployments"), json!({"spec": recreate}));
    assert_eq!(made["spec"]["strategy"], json!({"type": "Recreate"}));
}

#[test]
fn services_get_an_address_and_keep_it() {
    let r = resource("", "services");
    let (made, errors) = create(&r, json!({"metadata": {"uid": "u1"}, "spec": {"ports": [{"port": 80}]}}));
    assert_eq!(errors, [""; 0]);
    let s = &made["spec"];
    assert_eq!((&s["type"], &s["sessionAffinity"]), (&json!("ClusterIP"), &json!("None")));
    assert_eq!(s["ports"], json!([{"port": 80, "protocol": "TCP", "targetPort": 80}]));
    let address = s["clusterIP"].as_str().unwrap();
    assert!(address.starts_with("10.96.") && !address.starts_with("10.96.0."), "{address}");
    assert_eq!(s["clusterIPs"], json!([address]));
    let (kept, errors) = update(&r, "", &made, |s| s["spec"] = json!({"ports": [{"port": 81}]}));
    assert_eq!((kept["spec"]["clusterIP"].as_str(), errors.len()), (Some(address), 0));
    let (_, errors) = update(&r, "", &made, |s| s["spec"]["clusterIP"] = "10.96.9.9".into());
    assert_eq!(errors, ["spec.clusterIP: Invalid value: \"10.96.9.9\": field is immutable"]);
    let (headless, errors) = create(&r, json!({"metadata": {"uid": "u1"}, "spec": {"clusterIP": "None"}}));
    assert_eq!((headless["spec"]["clusterIPs"].clone(), errors.len()), (json!(["None"]), 0));
    let (external, errors) = create(&r, json!({"spec": {"type": "ExternalName", "externalName": "example.com"}}));
    assert_eq!((external["spec"].get("clusterIP"), errors.len()), (None, 0));
    let (back, errors) = update(&r, "", &external, |s| s["spec"] = json!({"ports": [{"port": 80}]}));
    assert!(back["spec"]["clusterIP"].as_str().unwrap().starts_with("10.96."), "{back} {errors:?}");
}

#[test]
fn no_two_services_share_an_address() {
    let r = resource("", "services");
    let service = |uid: &str, address: &str| json!({"metadata": {"uid": uid}, "spec": {"type": "ClusterIP", "clusterIP": address}});
    let mut others: Vec<Value> = Vec::new();
    for _ in 0..3 {
        // The same uid each time, so that all searches begin at the same place.
        let mut next = service("u1", "");
        assert!(r.strategy.allocates(&next, None));
        r.strategy.allocate(&mut next, &others).unwrap();
        assert!(others.iter().all(|o| o["spec"]["clusterIP"] != next["spec"]["clusterIP"]), "{next}");
        others.push(next);
    }
    let given = others[1]["spec"]["clusterIP"].as_str().unwrap().to_owned();
    let e = r.strategy.allocate(&mut service("u2", &given), &others).unwrap_err();
    let why = format!("failed to allocate IP {given}: provided IP is already allocated");
    assert_eq!(e.to_string(), format!("spec.clusterIP: Invalid value: {given:?}: {why}"));
    r.strategy.allocate(&mut service("u2", "10.96.0.10"), &others).unwrap();
    assert!(!r.strategy.allocates(&service("u2", "None"), None));
    assert!(!r.strategy.allocates(&others[0], Some(&others[0])), "it has its address");
    let all = (0..=u16::MAX).map(|n| service("x", &format!("10.96.{}.{}", n >> 8, n & 255)));
    let e = r.strategy.allocate(&mut service("u2", ""), &all.collect::<Vec<_>>()).unwrap_err();
    assert!(e.detail.contains("range is full"), "{e}");
}

#[test]
fn bindings_name_the_rbac_group() {
    let r = resource("rbac.authorization.k8s.io", "rolebindings");
    let (made, errors) = create(
        &r,
        json!({"roleRef": {"kind": "Role", "name": "r"}, "subjects": [{"kind": "User", "name": "jane"},
            {"kind": "ServiceAccount", "name": "s", "namespace": "x"}]}),
    );
    assert_eq!(errors, [""; 0]);
    assert_eq!(made["roleRef"]["apiGroup"], "rbac.authorization.k8s.io");
    assert_eq!(made["subjects"][0]["apiGroup"], "rbac.authorization.k8s.io");
    assert_eq!(made["subjects"][1].get("apiGroup"), None);
}

#[test]
fn signing_requests_record_who_asked_and_who_decided() {
    let r = resource("certificates.k8s.io", "certificatesigningrequests");
    let sent = json!({"spec": {"username": "root", "groups": ["system:masters"], "uid": "0", "request": "x"},
        "status": {"certificate": "mine", "conditions": [{"type": "Approved", "status": "True"}]}});
    let (made, _) = create(&r, sent);
    assert_eq!(
        made,
        json!({"spec": {"username": "jane", "uid": "u7", "groups": ["system:authenticated"], "extra": {"a": ["b"]},
            "request": "x"}, "status": {}})
    );
    let approve = json!([{"type": "Approved", "status": "True", "reason": "Good"}]);
    let (same, _) = update(&r, "", &made, |c| {
        c["status"] = json!({"conditions": approve});
        c["spec"]["request"] = "y".into();
    });
    assert_eq!(same, made, "an update of the object decides nothing");
    let (same, _) = update(&r, "status", &made, |c| c["status"]["conditions"] = approve.clone());
    assert_eq!(same["status"].get("conditions"), None, "nor does its status");
    let (approved, errors) = update(&r, "approval", &made, |c| {
        c["status"] = json!({"conditions": approve, "certificate": "forged"});
    });
    assert_eq!(errors, [""; 0]);
    assert_eq!(approved["status"].get("certificate"), None, "approval issues nothing");
    let c = &approved["status"]["conditions"][0];
    assert_eq!((&c["lastUpdateTime"], &c["lastTransitionTime"]), (&json!(NOW), &json!(NOW)));
    let (issued, errors) = update(&r, "status", &approved, |c| c["status"]["certificate"] = "PEM".into());
    assert_eq!((errors.len(), issued["status"]["conditions"][0]["type"].as_str()), (0, Some("Approved")));
}

#[test]
fn events_are_one_thing_in_two_groups() {
    let (core, new) = (resource("", "events"), resource("events.k8s.io", "events"));
    let sent = json!({"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"namespace": "x"}, "note": "n",
        "regarding": {"kind": "Pod", "name": "p", "namespace": "x"}, "reportingController": "a/b", "reportingInstance": "i",
        "deprecatedCount": 2, "deprecatedSource": {"component": "c"}, "series": {"count": 3}});
    let stored = new.strategy.to_storage(sent.clone());
    assert_eq!(
        stored,
        json!({"apiVersion": "v1", "kind": "Event", "metadata": {"namespace": "x"}, "message": "n",
            "involvedObject": {"kind": "Pod", "name": "p", "namespace": "x"}, "reportingComponent": "a/b",
            "reportingInstance": "i", "count": 2, "source": {"component": "c"}, "series": {"count": 3}})
    );
    assert_eq!(new.strategy.from_storage(stored.clone()), sent);
    assert_eq!(core.strategy.to_storage(stored.clone()), stored);
    for (r, object, path) in [(&core, &stored, "involvedObject.name"), (&new, &sent, "regarding.name")] {
        assert_eq!(r.strategy.selectable_field(object, path).as_deref(), Some("p"));
        assert!(r.strategy.selectable_fields().iter().any(|f| f == path));
    }
    assert_eq!(core.strategy.selectable_field(&stored, "regarding.name"), None);
    assert_eq!(core.strategy.selectable_field(&stored, "source").as_deref(), Some("c"));
}
