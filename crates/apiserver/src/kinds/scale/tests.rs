use super::*;
use crate::kinds::Registry;

#[test]
fn a_deployment_is_shown_and_scaled() {
    let paths = Registry::new().get("apps", "v1", "deployments").unwrap().strategy.scale_paths().unwrap();
    let mut object = json!({
        "metadata": {"name": "d", "namespace": "x", "resourceVersion": "4", "labels": {"a": "b"}},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web", "a": "b"},
            "matchExpressions": [{"key": "k", "operator": "In", "values": ["v", "w"]}]}},
        "status": {"replicas": 2},
    });
    assert_eq!(
        scale_of(&paths, &object),
        json!({"kind": "Scale", "apiVersion": "autoscaling/v1",
            "metadata": {"name": "d", "namespace": "x", "resourceVersion": "4"},
            "spec": {"replicas": 3}, "status": {"replicas": 2, "selector": "a=b,app=web,k in (v,w)"}})
    );
    apply_scale(&paths, &mut object, &json!({"spec": {"replicas": 5}})).unwrap();
    assert_eq!(object["spec"]["replicas"], 5);
    apply_scale(&paths, &mut object, &json!({})).unwrap();
    assert_eq!(object["spec"]["replicas"], 0);
    let e = apply_scale(&paths, &mut object, &json!({"spec": {"replicas": -1}})).unwrap_err();
    assert_eq!(e.code, 422);
}

#[test]
fn custom_paths_are_made_when_missing() {
    let paths = ScalePaths {
        spec_replicas: ".spec.pool.size".into(),
        status_replicas: ".status.n".into(),
        selector: Some(".status.selector".into()),
    };
    let mut object = json!({"metadata": {"name": "w"}, "status": {"selector": "x=y"}});
    assert_eq!(scale_of(&paths, &object)["status"], json!({"replicas": 0, "selector": "x=y"}));
    apply_scale(&paths, &mut object, &json!({"spec": {"replicas": 2}})).unwrap();
    assert_eq!(object["spec"]["pool"]["size"], 2);
}
