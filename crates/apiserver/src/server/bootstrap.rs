//! The objects every cluster has, made at start where they are missing.
//!
//! They pass through the same create and update as everybody's objects, as the user `system:apiserver`. What a person
//! changed stays, except where Kubernetes reconciles too: default roles and bindings regain what they miss unless their
//! `autoupdate` annotation says otherwise, and `cluster-info` follows the address and CA.

use serde_json::{Value, json};

use super::StartError;
use crate::{error::ApiError, object, rest::Api};

const AUTOUPDATE: &str = "rbac.authorization.kubernetes.io/autoupdate";
/// The first address of the default Service range.
const API_ADDRESS: &str = "10.96.0.1";
/// Where cluster DNS lives by convention.
const DNS_ADDRESS: &str = "10.96.0.10";

/// Makes what is missing. Objects are independent but for their namespaces, and written together: one wait for the disk.
pub(super) async fn make_objects(api: &Api, url: &str, ca: &str, port: u16) -> Result<(), StartError> {
    let namespaces = ["default", "kube-system", "kube-public", "kube-node-lease"]
        .map(|name| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}));
    ensure_all(api, namespaces.into()).await?;
    let mut objects = crate::auth::bootstrap_objects();
    objects.extend([api_service(port), dns_service(), cluster_info(url, ca)]);
    ensure_all(api, objects).await
}

async fn ensure_all(api: &Api, objects: Vec<Value>) -> Result<(), StartError> {
    let work = objects.into_iter().map(|wanted| async move {
        let name = describe(&wanted);
        ensure(api, wanted).await.map_err(|source| StartError::Bootstrap { object: name, source: Box::new(source) })
    });
    futures::future::try_join_all(work).await.map(|_| ())
}

fn describe(object: &Value) -> String {
    let kind = object["kind"].as_str().unwrap_or_default();
    match object::namespace(object) {
        "" => format!("{kind} {}", object::name(object)),
        namespace => format!("{kind} {namespace}/{}", object::name(object)),
    }
}

async fn ensure(api: &Api, wanted: Value) -> Result<(), ApiError> {
    let Some(existing) = api.lookup(&wanted)? else {
        let kind = wanted["kind"].clone();
        return match api.create_object(wanted).await {
            Err(e) if e.reason == "AlreadyExists" => Ok(()),
            // The address may have been given away while ours was gone. That must not keep the server from starting.
            Err(error) if error.reason == "Invalid" && kind == "Service" => {
                tracing::warn!(%error, "a Service of the cluster itself cannot be made");
                Ok(())
            }
            other => other,
        };
    };
    match reconciled(&existing, &wanted) {
        Some(updated) => api.update_object(updated).await,
        None => Ok(()),
    }
}

/// What an existing object becomes; `None` when it may stay as it is.
fn reconciled(existing: &Value, wanted: &Value) -> Option<Value> {
    let mut updated = existing.clone();
    match wanted["kind"].as_str().unwrap_or_default() {
        "ClusterRole" | "ClusterRoleBinding" | "Role" | "RoleBinding" => {
            if existing["metadata"]["annotations"][AUTOUPDATE] == "false" {
                return None;
            }
            for list in ["rules", "subjects"] {
                for item in wanted[list].as_array().into_iter().flatten() {
                    add(&mut updated[list], item, wanted);
                }
            }
            if !wanted["aggregationRule"].is_null() {
                updated["aggregationRule"] = wanted["aggregationRule"].clone();
            }
            // Absent lists were made null by indexing.
            if let Some(map) = updated.as_object_mut() {
                map.retain(|_, v| !v.is_null());
            }
        }
        "ConfigMap" => updated["data"]["kubeconfig"] = wanted["data"]["kubeconfig"].clone(),
        _ => {}
    }
    (updated != *existing).then_some(updated)
}

fn add(list: &mut Value, item: &Value, wanted: &Value) {
    let same = |a: &Value, b: &Value| {
        // A stored subject carries the default apiGroup of its kind.
        let relevant = |v: &Value| {
            let mut v = v.clone();
            if wanted["subjects"].is_array()
                && let Some(map) = v.as_object_mut()
            {
                map.remove("apiGroup");
            }
            v
        };
        relevant(a) == relevant(b)
    };
    match list {
        Value::Array(items) => {
            if !items.iter().any(|i| same(i, item)) {
                items.push(item.clone());
            }
        }
        other => *other = json!([item]),
    }
}

/// `default/kubernetes`: how workloads find this server.
fn api_service(port: u16) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {
            "name": "kubernetes", "namespace": "default",
            "labels": {"component": "apiserver", "provider": "kubernetes"},
        },
        "spec": {
            "type": "ClusterIP", "clusterIP": API_ADDRESS, "clusterIPs": [API_ADDRESS],
            "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": port}],
        },
    })
}

/// `kube-system/kube-dns`: where cluster facts are read from.
fn dns_service() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {
            "name": "kube-dns", "namespace": "kube-system",
            "labels": {"k8s-app": "kube-dns", "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS"},
        },
        "spec": {
            "type": "ClusterIP", "clusterIP": DNS_ADDRESS, "clusterIPs": [DNS_ADDRESS],
            "selector": {"k8s-app": "kube-dns"},
            "ports": [
                {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53},
                {"name": "dns-tcp", "port": 53, "protocol": "TCP", "targetPort": 53},
            ],
        },
    })
}

/// `kube-public/cluster-info`: address and CA, no credentials.
fn cluster_info(url: &str, ca: &str) -> Value {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config",
        "clusters": [{
            "name": "", "cluster": {"certificate-authority-data": BASE64_STANDARD.encode(ca), "server": url},
        }],
        "contexts": [], "current-context": "", "preferences": {}, "users": [],
    });
    // JSON is YAML, but people and naive readers expect it to look so.
    let text = serde_saphyr::to_string(&kubeconfig).unwrap_or_else(|_| kubeconfig.to_string());
    json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cluster-info", "namespace": "kube-public"},
        "data": {"kubeconfig": text},
    })
}

#[cfg(test)]
mod tests;
