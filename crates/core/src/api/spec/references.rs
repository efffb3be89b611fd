//! References from a Machine to other objects.

use crate::api::schema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The name of an object whose kind and namespace the field implies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(extend("required" = ["name"]))]
pub struct LocalRef {
    /// Name of the object.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(schema_with = "schema::object_name")]
    pub name: String,
}

/// One key of a Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(extend("required" = ["name", "namespace"]))]
pub struct SecretKeyRef {
    /// Name of the Secret.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(schema_with = "schema::object_name")]
    pub name: String,
    /// Namespace of the Secret. metalman reads Secrets only where its Role allows: as shipped, in its own namespace
    /// (unbounded-kube).
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(schema_with = "schema::namespace_name")]
    pub namespace: String,
    /// Key in the Secret's data. Default: password.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::password_key")]
    pub key: Option<String>,
}

impl SecretKeyRef {
    /// The key when none is given.
    pub const DEFAULT_KEY: &'static str = "password";

    /// The key to read.
    pub fn key(&self) -> &str {
        non_empty(self.key.as_deref()).unwrap_or(Self::DEFAULT_KEY)
    }
}

/// One key of a ConfigMap.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(extend("required" = ["name", "namespace"]))]
pub struct ConfigMapKeyRef {
    /// Name of the ConfigMap.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(schema_with = "schema::object_name")]
    pub name: String,
    /// Namespace of the ConfigMap. metalman reads ConfigMaps only where its Role allows: as shipped, in its own
    /// namespace (unbounded-kube).
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(schema_with = "schema::namespace_name")]
    pub namespace: String,
    /// Key in the ConfigMap's data or binaryData. Default: user-data.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::user_data_key")]
    pub key: Option<String>,
}

impl ConfigMapKeyRef {
    /// The key when none is given.
    pub const DEFAULT_KEY: &'static str = "user-data";

    /// The key to read.
    pub fn key(&self) -> &str {
        non_empty(self.key.as_deref()).unwrap_or(Self::DEFAULT_KEY)
    }
}

pub(super) fn non_empty(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}
