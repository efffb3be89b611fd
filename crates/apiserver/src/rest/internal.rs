//! Objects written by the server itself, through the same path as everybody's.

use http::HeaderMap;
use serde_json::Value;

use super::{
    Api,
    answer::served,
    media::Accept,
    options::{Query, WriteOptions},
    path::ResourcePath,
    pipeline::Call,
};
use crate::{auth::UserInfo, error::ApiError, object};

/// Field manager of the server's own objects.
const MANAGER: &str = "kube-apiserver";

impl Api {
    fn own_call(&self, object: &Value, verb: &'static str) -> Result<Call, ApiError> {
        let version = object["apiVersion"].as_str().unwrap_or_default();
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        let kind = object["kind"].as_str().unwrap_or_default();
        let resource = self.inner.registry.by_kind(group, version, kind).ok_or_else(ApiError::no_such_path)?;
        let path = ResourcePath {
            group: group.to_owned(),
            version: version.to_owned(),
            namespace: object::namespace(object).to_owned(),
            resource: resource.plural.clone(),
            name: object::name(object).to_owned(),
            ..ResourcePath::default()
        };
        let user = UserInfo {
            username: "system:apiserver".to_owned(),
            groups: vec![crate::auth::MASTERS.to_owned()],
            ..UserInfo::default()
        };
        Ok(Call {
            api: self.clone(),
            user,
            resource,
            path,
            query: Query::default(),
            verb,
            accept: Accept::default(),
            headers: HeaderMap::new(),
            now: jiff::Timestamp::now(),
            warnings: Vec::new(),
        })
    }

    /// The stored object of this kind, namespace and name.
    pub(crate) fn lookup(&self, object: &Value) -> Result<Option<Value>, ApiError> {
        let call = self.own_call(object, "get")?;
        Ok(self.inner.store.get(&call.key()).map(|s| served(&call.resource, &s)))
    }

    /// Creates an object.
    pub(crate) async fn create_object(&self, mut object: Value) -> Result<(), ApiError> {
        let mut call = self.own_call(&object, "create")?;
        call.normalise(&mut object)?;
        let options = WriteOptions { manager: MANAGER.to_owned(), ..WriteOptions::default() };
        call.insert(object, &options, false).await.map(|_| ())
    }

    /// Updates an object.
    pub(crate) async fn update_object(&self, object: Value) -> Result<(), ApiError> {
        let mut call = self.own_call(&object, "update")?;
        call.query = Query::parse(&format!("fieldManager={MANAGER}"));
        call.update(&super::answer::to_json(&object)).await.map(|_| ())
    }
}
