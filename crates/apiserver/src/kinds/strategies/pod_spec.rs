//! `PodSpec`, alone and inside the templates of the apps group: its defaults and its rules.

use serde_json::{Value, json};

use crate::{
    field::{FieldError, FieldErrorKind},
    kinds::{
        cells,
        check::{self, Check, join},
        names,
    },
};

const CONTAINER_LISTS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// Fills the defaults of a `PodSpec`.
pub(super) fn defaults(spec: &mut Value) {
    if !spec.is_object() {
        return;
    }
    for (path, value) in [
        ("restartPolicy", json!("Always")),
        ("dnsPolicy", json!("ClusterFirst")),
        ("schedulerName", json!("default-scheduler")),
        ("terminationGracePeriodSeconds", json!(30)),
        ("securityContext", json!({})),
    ] {
        check::default(spec, path, value);
    }
    // serviceAccount is the old name of serviceAccountName: both are served.
    let account = match cells::text(spec, "serviceAccountName") {
        "" => cells::text(spec, "serviceAccount").to_owned(),
        name => name.to_owned(),
    };
    if !account.is_empty() {
        spec["serviceAccountName"] = account.as_str().into();
        spec["serviceAccount"] = account.into();
    }
    let host_network = cells::at(spec, "hostNetwork") == &Value::Bool(true);
    for list in CONTAINER_LISTS {
        for container in check::items_mut(spec, &format!("/{list}")) {
            container_defaults(container, host_network);
        }
    }
    for volume in check::items_mut(spec, "/volumes") {
        volume_defaults(volume);
    }
}

fn container_defaults(c: &mut Value, host_network: bool) {
    if !c.is_object() {
        return;
    }
    check::default(c, "terminationMessagePath", "/dev/termination-log");
    check::default(c, "terminationMessagePolicy", "File");
    check::default(c, "resources", json!({}));
    let policy = if floating(cells::text(c, "image")) { "Always" } else { "IfNotPresent" };
    check::default(c, "imagePullPolicy", policy);
    for port in check::items_mut(c, "/ports") {
        check::default(port, "protocol", "TCP");
        if host_network && port.is_object() && port["hostPort"].is_null() {
            port["hostPort"] = port["containerPort"].clone();
        }
    }
    for env in check::items_mut(c, "/env") {
        if cells::at(env, "valueFrom.fieldRef").is_object() {
            check::default(env, "valueFrom.fieldRef.apiVersion", "v1");
        }
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(p) = c.get_mut(probe).filter(|p| p.is_object()) {
            for (field, value) in
                [("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3)]
            {
                check::default(p, field, value);
            }
            http_defaults(p);
            if p["grpc"].is_object() {
                check::default(p, "grpc.service", "");
            }
        }
    }
    for hook in ["/lifecycle/postStart", "/lifecycle/preStop"] {
        if let Some(h) = c.pointer_mut(hook) {
            http_defaults(h);
        }
    }
}

fn http_defaults(action: &mut Value) {
    if action.get("httpGet").is_some_and(Value::is_object) {
        check::default(action, "httpGet.path", "/");
        check::default(action, "httpGet.scheme", "HTTP");
    }
}

/// Whether an image reference has no tag, or the tag `latest`, and no digest: what it names may change.
fn floating(image: &str) -> bool {
    if image.contains('@') {
        return false;
    }
    let last = image.rsplit('/').next().unwrap_or_default();
    last.split_once(':').is_none_or(|(_, tag)| tag == "latest")
}

fn volume_defaults(v: &mut Value) {
    let Some(map) = v.as_object() else { return };
    if map.keys().all(|k| k == "name") {
        v["emptyDir"] = json!({});
    }
    for source in ["secret", "configMap", "projected", "downwardAPI"] {
        if v.get(source).is_some_and(Value::is_object) {
            check::default(v, &format!("{source}.defaultMode"), 0o644);
        }
    }
    if v.get("hostPath").is_some_and(Value::is_object) {
        check::default(v, "hostPath.type", "");
    }
    for source in check::items_mut(v, "/projected/sources") {
        if source.get("serviceAccountToken").is_some_and(Value::is_object) {
            check::default(source, "serviceAccountToken.expirationSeconds", 3600);
        }
        for item in check::items_mut(source, "/downwardAPI/items") {
            field_ref(item);
        }
    }
    for item in check::items_mut(v, "/downwardAPI/items") {
        field_ref(item);
    }
}

fn field_ref(item: &mut Value) {
    if item.get("fieldRef").is_some_and(Value::is_object) {
        check::default(item, "fieldRef.apiVersion", "v1");
    }
}

/// Checks the `PodSpec` that stands at `at`.
pub(super) fn validate(check: &mut Check, spec: &Value, at: &str) {
    check.one_of(spec, at, "restartPolicy", &["Always", "OnFailure", "Never"]);
    check.one_of(spec, at, "dnsPolicy", &["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"]);
    let grace = "terminationGracePeriodSeconds";
    check.not_negative(spec, at, grace);
    let mut volumes = Vec::new();
    for (i, v) in cells::list(spec, "volumes").iter().enumerate() {
        let at = format!("{at}.volumes[{i}].name");
        let name = cells::text(v, "name");
        named(check, name, &at, &mut volumes);
    }
    if cells::list(spec, "containers").is_empty() {
        check.required(join(at, "containers"), "");
    }
    let mut seen = Vec::new();
    for list in CONTAINER_LISTS {
        for (i, c) in cells::list(spec, list).iter().enumerate() {
            let at = format!("{at}.{list}[{i}]");
            named(check, cells::text(c, "name"), &join(&at, "name"), &mut seen);
            container(check, c, &at, &volumes);
        }
    }
    let account = cells::text(spec, "serviceAccountName");
    if !account.is_empty() {
        check.rule(join(at, "serviceAccountName"), account, names::dns1123_subdomain);
    }
}

fn named<'a>(check: &mut Check, name: &'a str, at: &str, seen: &mut Vec<&'a str>) {
    if name.is_empty() {
        check.required(at, "");
        return;
    }
    check.rule(at, name, names::dns1123_label);
    if seen.contains(&name) {
        check.duplicate(at, name);
    }
    seen.push(name);
}

fn container(check: &mut Check, c: &Value, at: &str, volumes: &[&str]) {
    let image = cells::text(c, "image");
    if image.is_empty() {
        check.required(join(at, "image"), "");
    } else if image.trim() != image {
        check.invalid(join(at, "image"), image, "must not have leading or trailing whitespace");
    }
    check.one_of(c, at, "imagePullPolicy", &["Always", "IfNotPresent", "Never"]);
    check.one_of(c, at, "terminationMessagePolicy", &["FallbackToLogsOnError", "File"]);
    for (i, p) in cells::list(c, "ports").iter().enumerate() {
        let at = format!("{at}.ports[{i}]");
        port_number(check, &p["containerPort"], &join(&at, "containerPort"));
        if !p["hostPort"].is_null() && p["hostPort"] != 0 {
            port_number(check, &p["hostPort"], &join(&at, "hostPort"));
        }
        check.one_of(p, &at, "protocol", &["SCTP", "TCP", "UDP"]);
        let name = cells::text(p, "name");
        if !name.is_empty() {
            check.rule(join(&at, "name"), name, names::port_name);
        }
    }
    for (i, e) in cells::list(c, "env").iter().enumerate() {
        let at = format!("{at}.env[{i}]");
        match cells::text(e, "name") {
            "" => check.required(join(&at, "name"), ""),
            name => check.rule(join(&at, "name"), name, names::env_var_name),
        }
        if !cells::text(e, "value").is_empty() && e["valueFrom"].is_object() {
            let why = "may not be specified when `value` is not empty";
            check.invalid(join(&at, "valueFrom"), "", why);
        }
    }
    for (i, m) in cells::list(c, "volumeMounts").iter().enumerate() {
        let at = format!("{at}.volumeMounts[{i}]");
        match cells::text(m, "name") {
            "" => check.required(join(&at, "name"), ""),
            name if !volumes.contains(&name) => {
                check.add(FieldError::new(FieldErrorKind::NotFound, join(&at, "name"), name.into(), ""));
            }
            _ => {}
        }
        check.present(m, &at, "mountPath");
    }
}

/// A port number.
pub(super) fn port_number(check: &mut Check, value: &Value, at: &str) {
    if value.is_null() {
        check.required(at, "");
    } else if !value.as_i64().is_some_and(|n| (1..=65_535).contains(&n)) {
        check.invalid(at, value.clone(), "must be between 1 and 65535, inclusive");
    }
}
