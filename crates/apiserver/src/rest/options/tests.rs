use super::*;

fn list(query: &str) -> Result<ListOptions, ApiError> {
    ListOptions::read(&Query::parse(query), false)
}
fn watch(query: &str) -> Result<ListOptions, ApiError> {
    ListOptions::read(&Query::parse(query), true)
}

#[test]
fn list_options() {
    let o = list("limit=500&labelSelector=a%3Db%2Cc&fieldSelector=metadata.name%3Dx&resourceVersion=7&resourceVersionMatch=Exact").expect("valid");
    assert_eq!((o.limit, o.revision, o.exact), (500, Some(7), true));
    assert_eq!(o.fields.required("metadata.name"), Some("x"));
    assert!(!o.selects_all());
    assert!(list("").expect("empty").selects_all());
}

#[test]
fn refused_list_options() {
    for (query, code, part) in [
        ("limit=x", 400, "limit"),
        ("labelSelector=a%3D%3D%3Db", 400, "unable to parse requirement"),
        ("fieldSelector=abc", 400, "invalid selector"),
        ("resourceVersion=x", 400, "resourceVersion"),
        ("resourceVersion=-1", 400, "resourceVersion"),
        ("resourceVersionMatch=Exact", 422, "resourceVersionMatch is forbidden unless resourceVersion is provided"),
        ("resourceVersionMatch=Exact&resourceVersion=0", 422, "is forbidden for resourceVersion \"0\""),
        ("resourceVersionMatch=Maybe&resourceVersion=1", 422, "Unsupported value: \"Maybe\""),
        ("resourceVersionMatch=Exact&resourceVersion=1&continue=x", 422, "forbidden when continue"),
        ("continue=x&resourceVersion=5", 400, "not allowed when using continue"),
        ("sendInitialEvents=true", 422, "forbidden for list"),
    ] {
        let e = list(query).expect_err(query);
        assert_eq!(e.code, code, "{query}: {e}");
        assert!(e.message.contains(part), "{query}: {e}");
    }
}

#[test]
fn watch_options() {
    let o = watch("sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=1&timeoutSeconds=5")
        .expect("valid");
    assert_eq!((o.initial_events, o.bookmarks, o.timeout_seconds), (Some(true), true, Some(5)));
    assert_eq!(watch("resourceVersionMatch=NotOlderThan").expect_err("no initial events").code, 422);
    assert_eq!(watch("sendInitialEvents=true").expect_err("no match").code, 422);
}

#[test]
fn write_options() {
    let read = |q: &str, kind: &str, apply| WriteOptions::read(&Query::parse(q), kind, apply);
    let o = read("dryRun=All&fieldManager=me&fieldValidation=Strict", "CreateOptions", false).expect("valid");
    assert_eq!((o.dry_run, o.manager.as_str(), o.validation), (true, "me", FieldValidation::Strict));
    for (query, kind, apply, part) in [
        ("dryRun=Some", "CreateOptions", false, "dryRun: Unsupported value"),
        ("fieldValidation=Maybe", "UpdateOptions", false, "supported values: \"Ignore\", \"Warn\", \"Strict\""),
        ("", "PatchOptions", true, "fieldManager: Required value: is required for apply patch"),
        ("force=true", "PatchOptions", false, "may not be specified for non-apply patch"),
    ] {
        let e = read(query, kind, apply).expect_err(query);
        assert_eq!(e.code, 422);
        assert!(e.message.contains(part), "{e}");
        assert!(e.message.starts_with(&format!("{kind}.meta.k8s.io \"\" is invalid: ")), "{e}");
    }
    let long = format!("fieldManager={}", "x".repeat(129));
    assert!(read(&long, "CreateOptions", false).is_err());
}

#[test]
fn delete_options() {
    let query = Query::parse("propagationPolicy=Foreground&gracePeriodSeconds=3");
    let o = DeleteOptions::read(&query, &Value::Null).expect("query");
    assert_eq!((o.propagation, o.grace_seconds), (Some(Propagation::Foreground), Some(3)));
    let body = json!({"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": "u", "resourceVersion": "5"}, "propagationPolicy": "Orphan", "dryRun": ["All"]});
    let o = DeleteOptions::read(&Query::default(), &body).expect("body");
    assert_eq!((o.uid.as_deref(), o.resource_version.as_deref(), o.dry_run), (Some("u"), Some("5"), true));
    assert_eq!(o.propagation, Some(Propagation::Orphan));
    for (body, code) in [
        (json!({"propagationPolicy": "Sideways"}), 422),
        (json!({"propagationPolicy": "Orphan", "orphanDependents": true}), 422),
        (json!({"kind": "ConfigMap"}), 400),
        (json!({"gracePeriodSeconds": "x"}), 400),
        (json!({"preconditions": 1}), 400),
        (json!({"preconditions": {"uid": 1}}), 400),
    ] {
        assert_eq!(DeleteOptions::read(&Query::default(), &body).expect_err("bad").code, code, "{body}");
    }
}
