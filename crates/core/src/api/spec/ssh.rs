//! Another provisioner's part of a Machine: kept, shown, never acted on.

use crate::api::schema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Access over SSH, for another provisioner; metalman keeps it and never acts on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct SshSpec {
    /// Host name or address, with a port if it is not 22.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::opaque")]
    pub host: Option<String>,
    /// User to log in as.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::opaque")]
    pub username: Option<String>,
    /// The Secret that holds the private key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::foreign")]
    pub private_key_ref: Option<Value>,
    /// A host to jump through.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::foreign")]
    pub bastion: Option<Value>,
    /// Whatever else that provisioner defines.
    #[serde(flatten)]
    #[schemars(skip)]
    pub other: Map<String, Value>,
}
