//! How to reach a Machine's BMC.

use super::references::{SecretKeyRef, non_empty};
use crate::api::schema::{self, rule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The BMC, over Redfish.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(extend(
    "required" = ["url"],
    "x-kubernetes-validations" = [rule(
        "has(self.username) == has(self.passwordRef)",
        "username and passwordRef must be given together, or neither for a BMC without login",
    )],
))]
pub struct RedfishSpec {
    /// Base URL of the BMC: http(s)://host[:port][/path], for example https://10.0.9.11. Without credentials.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(schema_with = "schema::redfish_url")]
    pub url: String,
    /// User name for the BMC.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::opaque")]
    pub username: Option<String>,
    /// The Secret that holds the BMC's password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_ref: Option<SecretKeyRef>,
    /// Id of the system below /redfish/v1/Systems, for example System.Embedded.1. Default: the only member; with
    /// several, an error names the choices. The literal 1 is tried as given, then by discovery.
    #[serde(rename = "deviceID", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::opaque")]
    pub device_id: Option<String>,
    /// SHA-256 fingerprint of the BMC's TLS certificate, aa:bb:… in any case, to pin it before first contact. Default:
    /// the certificate seen first is pinned in status.redfish.certFingerprint.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::fingerprint")]
    pub cert_fingerprint: Option<String>,
}

impl RedfishSpec {
    /// The system's id, when one was given.
    pub fn device_id(&self) -> Option<&str> {
        non_empty(self.device_id.as_deref())
    }
}
