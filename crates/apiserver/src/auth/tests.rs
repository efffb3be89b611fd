//! The authenticator and the authorizer over plain maps instead of a store.

mod admission;
mod authentication;
mod authorization;
mod reviews;
mod tokens;

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock, RwLock},
};

use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Attributes, Auth, UserInfo, bootstrap_objects, objects::Objects};
use crate::{object, pki::Pki};

/// Storage name, namespace and name.
type Key = (String, String, String);

/// Objects, and how many changes there were.
#[derive(Default)]
struct Map(RwLock<(u64, BTreeMap<Key, Value>)>);

impl Objects for Map {
    fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        self.0.read().unwrap().1.get(&(resource.into(), namespace.into(), name.into())).cloned()
    }
    fn list(&self, resource: &str, namespace: Option<&str>) -> Vec<Value> {
        let inner = self.0.read().unwrap();
        let fits = |key: &Key| key.0 == resource && namespace.is_none_or(|n| n == key.1);
        inner.1.iter().filter(|(key, _)| fits(key)).map(|(_, v)| v.clone()).collect()
    }
    fn changed(&self, _resource: &str) -> u64 {
        self.0.read().unwrap().0
    }
}

impl Map {
    fn put(&self, resource: &str, value: Value) {
        let mut inner = self.0.write().unwrap();
        inner.0 += 1;
        let key = (resource.to_owned(), object::namespace(&value).to_owned(), object::name(&value).to_owned());
        inner.1.insert(key, value);
    }
    fn delete(&self, resource: &str, namespace: &str, name: &str) {
        let mut inner = self.0.write().unwrap();
        inner.0 += 1;
        inner.1.remove(&(resource.into(), namespace.into(), name.into())).expect("it is there");
    }
}

/// A cluster with the built-in roles.
struct Cluster {
    map: Arc<Map>,
    pki: Arc<Pki>,
    auth: Auth,
}

/// Keys are slow to make; the clusters of all tests share them.
static PKI: LazyLock<Arc<Pki>> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    Arc::new(Pki::open(dir.path(), &[], now()).unwrap())
});

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn cluster() -> Cluster {
    let map = Arc::new(Map::default());
    for object in bootstrap_objects() {
        let plural = format!("{}s.rbac.authorization.k8s.io", object["kind"].as_str().unwrap().to_lowercase());
        map.put(&plural, object);
    }
    let pki = PKI.clone();
    Cluster { auth: Auth::over(map.clone(), pki.clone()), map, pki }
}

impl Cluster {
    fn bind(&self, user: &str, role: &str) {
        self.map.put(
            "clusterrolebindings.rbac.authorization.k8s.io",
            json!({
                "metadata": {"name": format!("{user}-{role}")},
                "roleRef": {"kind": "ClusterRole", "name": role},
                "subjects": [{"kind": "User", "name": user}],
            }),
        );
    }
    fn role(&self, name: &str, rules: &Value) {
        self.map.put("clusterroles.rbac.authorization.k8s.io", json!({"metadata": {"name": name}, "rules": rules}));
    }
    fn allowed(&self, user: &UserInfo, asked: &Attributes<'_>) -> bool {
        self.auth.authorize(user, asked).allowed
    }
    /// A `ServiceAccount` `robot` in `tools`.
    fn account(&self) -> Value {
        let account = json!({"metadata": {"namespace": "tools", "name": "robot", "uid": "sa-uid"}});
        self.map.put("serviceaccounts", account.clone());
        account
    }
    fn pod(&self, namespace: &str, name: &str, node: &str, mut spec: Value) {
        spec["nodeName"] = node.into();
        self.map.put(
            "pods",
            json!({"metadata": {"namespace": namespace, "name": name, "uid": format!("{name}-uid")}, "spec": spec}),
        );
    }
}

fn user(name: &str, groups: &[&str]) -> UserInfo {
    UserInfo { username: name.into(), groups: groups.iter().map(|g| (*g).to_owned()).collect(), ..UserInfo::default() }
}

fn kubelet(node: &str) -> UserInfo {
    user(&format!("system:node:{node}"), &["system:nodes", "system:authenticated"])
}

/// `group/resource/subresource`, written short: `pods`, `pods/log`, `leases.coordination.k8s.io`.
fn asked<'a>(verb: &'a str, resource: &'a str, namespace: &'a str, name: &'a str) -> Attributes<'a> {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let (resource, group) = resource.split_once('.').unwrap_or((resource, ""));
    Attributes { verb, group, resource, subresource, namespace, name, ..Attributes::default() }
}

fn headers(list: &[(&str, &str)]) -> HeaderMap {
    list.iter().map(|(k, v)| (HeaderName::try_from(*k).unwrap(), HeaderValue::try_from(*v).unwrap())).collect()
}

fn bearer(token: &str) -> HeaderMap {
    headers(&[("authorization", &format!("Bearer {token}"))])
}
