//! The discovery documents: which groups, versions and resources are served (`/api`, `/apis` and below), in the classic
//! and in the aggregated form (API concepts, "API Discovery").

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Resource, Subresource};

fn address(server: &str) -> Value {
    json!([{"clientCIDR": "0.0.0.0/0", "serverAddress": server}])
}

/// `/api`: the versions of the core group. `server` is `host:port`.
pub fn core_versions(resources: &[Arc<Resource>], server: &str) -> Value {
    json!({"kind": "APIVersions", "versions": versions(resources, ""), "serverAddressByClientCIDRs": address(server)})
}

/// `/apis`: the named groups.
pub fn groups(resources: &[Arc<Resource>]) -> Value {
    let list: Vec<Value> =
        group_names(resources).into_iter().filter(|g| !g.is_empty()).map(|g| group_body(resources, g)).collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": list})
}

/// `/apis/GROUP`; `None` when nothing of it is served.
pub fn group(resources: &[Arc<Resource>], name: &str) -> Option<Value> {
    if name.is_empty() || !resources.iter().any(|r| r.group == name) {
        return None;
    }
    let mut document = group_body(resources, name);
    document["kind"] = "APIGroup".into();
    document["apiVersion"] = "v1".into();
    Some(document)
}

/// `/api/v1` or `/apis/GROUP/VERSION`; `None` when nothing of it is served.
pub fn resource_list(resources: &[Arc<Resource>], group: &str, version: &str) -> Option<Value> {
    let mut list = Vec::new();
    for r in resources.iter().filter(|r| r.group == group && r.version == version) {
        let mut entry = json!({
            "name": r.plural, "singularName": r.singular, "namespaced": r.namespaced, "kind": r.kind,
            "verbs": r.verbs(),
        });
        for (key, names) in [("shortNames", &r.short_names), ("categories", &r.categories)] {
            if !names.is_empty() {
                entry[key] = json!(names);
            }
        }
        list.push(entry);
        for s in &r.subresources {
            let mut entry = json!({
                "name": format!("{}/{}", r.plural, s.name), "singularName": "", "namespaced": r.namespaced,
                "kind": s.kind.as_ref().map_or(r.kind.as_str(), |(_, _, k)| k), "verbs": s.verbs,
            });
            if let Some((g, v, _)) = &s.kind {
                entry["group"] = g.as_str().into();
                entry["version"] = v.as_str().into();
            }
            list.push(entry);
        }
    }
    if list.is_empty() {
        return None;
    }
    let document = json!({
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version(group, version),
        "resources": list,
    });
    Some(document)
}

/// The aggregated form of `/api` (`core`) or `/apis`, in `apidiscovery.k8s.io` version `v2` or `v2beta1`.
pub fn aggregated(resources: &[Arc<Resource>], core: bool, version: &str) -> Value {
    let mut items = Vec::new();
    for name in group_names(resources).into_iter().filter(|g| g.is_empty() == core) {
        let mut served = Vec::new();
        for v in versions(resources, name) {
            let of_version = resources.iter().filter(|r| r.group == name && r.version == v);
            let list: Vec<Value> = of_version.map(|r| aggregated_resource(r)).collect();
            served.push(json!({"version": v, "resources": list, "freshness": "Current"}));
        }
        let mut metadata = Map::new();
        if !name.is_empty() {
            metadata.insert("name".into(), name.into());
        }
        metadata.insert("creationTimestamp".into(), Value::Null);
        items.push(json!({"metadata": metadata, "versions": served}));
    }
    json!({
        "kind": "APIGroupDiscoveryList", "apiVersion": format!("apidiscovery.k8s.io/{version}"), "metadata": {},
        "items": items,
    })
}

fn aggregated_resource(r: &Resource) -> Value {
    let mut entry = json!({
        "resource": r.plural, "singularResource": r.singular, "verbs": r.verbs(),
        "responseKind": {"group": r.group, "version": r.version, "kind": r.kind},
        "scope": if r.namespaced { "Namespaced" } else { "Cluster" },
    });
    for (key, names) in [("shortNames", &r.short_names), ("categories", &r.categories)] {
        if !names.is_empty() {
            entry[key] = json!(names);
        }
    }
    if !r.subresources.is_empty() {
        entry["subresources"] = r.subresources.iter().map(|s| aggregated_subresource(r, s)).collect();
    }
    entry
}

fn aggregated_subresource(r: &Resource, s: &Subresource) -> Value {
    let (group, version, kind) = s.kind.clone().unwrap_or_else(|| (r.group.clone(), r.version.clone(), r.kind.clone()));
    json!({
        "subresource": s.name, "responseKind": {"group": group, "version": version, "kind": kind}, "verbs": s.verbs,
    })
}

fn group_body(resources: &[Arc<Resource>], name: &str) -> Value {
    let versions: Vec<Value> = versions(resources, name)
        .into_iter()
        .map(|v| json!({"groupVersion": group_version(name, v), "version": v}))
        .collect();
    json!({"name": name, "preferredVersion": versions.first(), "versions": versions})
}

/// In the order of the registry, which is that of priority.
fn group_names(resources: &[Arc<Resource>]) -> Vec<&str> {
    distinct(resources.iter().map(|r| r.group.as_str()))
}

fn versions<'a>(resources: &'a [Arc<Resource>], group: &str) -> Vec<&'a str> {
    distinct(resources.iter().filter(|r| r.group == group).map(|r| r.version.as_str()))
}

fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut out: Vec<&str> = Vec::new();
    for n in names {
        if !out.contains(&n) {
            out.push(n);
        }
    }
    out
}

/// `v1` or `apps/v1`.
pub(super) fn group_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

#[cfg(test)]
mod tests;
