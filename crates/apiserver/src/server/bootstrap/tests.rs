use super::*;

#[test]
fn roles_regain_what_they_miss_and_keep_what_was_added() {
    let rule = |verb: &str| json!({"apiGroups": [""], "resources": ["pods"], "verbs": [verb]});
    let wanted = json!({"kind": "ClusterRole", "metadata": {"name": "x"}, "rules": [rule("get"), rule("list")]});
    let existing =
        json!({"kind": "ClusterRole", "metadata": {"name": "x", "uid": "u"}, "rules": [rule("get"), rule("watch")]});
    let updated = reconciled(&existing, &wanted).expect("misses a rule");
    assert_eq!(updated["rules"], json!([rule("get"), rule("watch"), rule("list")]));
    assert_eq!(updated["metadata"]["uid"], "u");
    assert!(reconciled(&updated, &wanted).is_none(), "nothing left to do");
    let mut frozen = existing.clone();
    frozen["metadata"]["annotations"][AUTOUPDATE] = "false".into();
    assert!(reconciled(&frozen, &wanted).is_none());
}

#[test]
fn subjects_compare_without_their_default_group() {
    let wanted =
        json!({"kind": "ClusterRoleBinding", "metadata": {"name": "x"}, "subjects": [{"kind": "Group", "name": "g"}]});
    let existing = json!({"kind": "ClusterRoleBinding", "metadata": {"name": "x"}, "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "g"}]});
    assert!(reconciled(&existing, &wanted).is_none());
}

#[test]
fn cluster_info_follows_the_address() {
    let old = cluster_info("https://a:1", "CA");
    assert!(reconciled(&old, &cluster_info("https://a:1", "CA")).is_none());
    let new = reconciled(&old, &cluster_info("https://b:2", "CA")).expect("moved");
    let text = new["data"]["kubeconfig"].as_str().expect("text");
    assert!(text.contains("https://b:2") && !text.contains("token"), "{text}");
    let parsed: Value = serde_saphyr::from_str(text).expect("YAML");
    assert_eq!(parsed["clusters"][0]["cluster"]["server"], "https://b:2");
}

#[test]
fn services_do_not_fight_over_changes() {
    let mut changed = dns_service();
    changed["spec"]["clusterIP"] = "10.0.0.10".into();
    assert!(reconciled(&changed, &dns_service()).is_none());
}
