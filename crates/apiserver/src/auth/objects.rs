//! What this module reads of the store. A trait, so that the decisions over stored objects are tested over plain maps.

use std::sync::Arc;

use serde_json::Value;

use crate::store::{Key, Store};

/// Read access to stored objects.
pub(crate) trait Objects: Send + Sync {
    /// One object; `namespace` is empty for cluster-scoped ones.
    fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Value>;
    /// All objects of a resource, in a namespace or everywhere.
    fn list(&self, resource: &str, namespace: Option<&str>) -> Vec<Value>;
    /// A number that grows whenever an object of the resource changes.
    fn changed(&self, resource: &str) -> u64;
}

impl Objects for Store {
    fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        let key = Key { resource: Arc::from(resource), namespace: Arc::from(namespace), name: Arc::from(name) };
        Self::get(self, &key).map(|stored| stored.object())
    }
    fn list(&self, resource: &str, namespace: Option<&str>) -> Vec<Value> {
        Self::list(self, resource, namespace).items.iter().map(|stored| stored.object()).collect()
    }
    fn changed(&self, resource: &str) -> u64 {
        self.resource_revision(resource)
    }
}
