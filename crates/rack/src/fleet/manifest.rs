//! The Machines of a fleet as Kubernetes objects, and the Secret with its BMCs' password.

use std::collections::HashMap;

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::{
    Api, Client,
    api::{DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams, PostParams},
    discovery::ApiResource,
};
use metalman_core::api::{MacAddr, labels};
use serde_json::{Value, json};

use super::Fleet;

/// The Secret's name.
pub const SECRET: &str = "rack-bmc";
/// Creations under way at once.
const AT_ONCE: usize = 16;

/// What the Machines say besides what the fleet knows.
#[derive(Debug, Clone)]
pub struct Registration {
    /// `spec.pxe.image`.
    pub image: String,
    /// The site that owns them.
    pub site: Option<String>,
    /// metalman's namespace.
    pub namespace: String,
}

impl Fleet {
    /// The Secret with the password of all BMCs.
    pub fn secret(&self, namespace: &str) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": SECRET, "namespace": namespace },
            "stringData": { "password": self.config.bmcs.credentials.password },
        })
    }

    /// The Machine of that number.
    pub fn machine(&self, index: usize, registration: &Registration) -> Value {
        let (network, (bmc, system)) = (&self.config.network, self.bmc(index));
        let mut machine = json!({
            "apiVersion": "unbounded-cloud.io/v1alpha3", "kind": "Machine",
            "metadata": { "name": self.name(index) },
            "spec": { "pxe": {
                "image": registration.image,
                "dhcpLeases": [{
                    "mac": MacAddr::new(self.mac(index)).to_string(), "ipv4": self.address(index),
                    "subnetMask": network.subnet_mask, "gateway": network.gateway, "dns": [network.gateway],
                }],
                "redfish": {
                    "url": bmc.url(), "username": self.config.bmcs.credentials.username, "deviceID": bmc.system_id(system),
                    "passwordRef": { "name": SECRET, "namespace": registration.namespace, "key": "password" },
                },
            } },
        });
        if let Some(site) = &registration.site {
            machine["metadata"]["labels"] = json!({ labels::SITE: site });
        }
        machine
    }

    /// Creates the Secret and the Machines.
    pub async fn register(&self, client: &Client, registration: &Registration) -> anyhow::Result<()> {
        let secrets = ApiResource::erase::<k8s_openapi::api::core::v1::Secret>(&());
        let secrets: Api<DynamicObject> = Api::namespaced_with(client.clone(), &registration.namespace, &secrets);
        create(&secrets, self.secret(&registration.namespace)).await.context("the Secret of the BMCs")?;
        let machines = machines(client);
        stream::iter(0..self.len())
            .map(|index| create(&machines, self.machine(index, registration)))
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>()
            .await
            .context("the Machines of the fleet")
    }

    /// Changes `spec.operations` of these Machines.
    pub async fn ask(&self, client: &Client, indices: &[usize], operations: &Value) -> anyhow::Result<()> {
        let machines = machines(client);
        let patch = json!({ "spec": { "operations": operations } });
        let (machines, patch) = (&machines, &Patch::Merge(patch));
        let names: Vec<String> = indices.iter().map(|index| self.name(*index)).collect();
        stream::iter(names)
            .map(|name| async move {
                machines.patch(&name, &PatchParams::default(), patch).await.map(drop).context(name)
            })
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>()
            .await
            .context("the operations asked for")
    }

    /// The status of each Machine of the fleet; null for one that is not there.
    pub async fn statuses(&self, client: &Client) -> anyhow::Result<Vec<Value>> {
        let listed = machines(client).list(&ListParams::default()).await.context("the Machines")?;
        let mut statuses: HashMap<_, _> = listed
            .into_iter()
            .filter_map(|mut machine| Some((machine.metadata.name.take()?, machine.data["status"].take())))
            .collect();
        Ok((0..self.len()).map(|index| statuses.remove(&self.name(index)).unwrap_or_default()).collect())
    }
}

fn machines(client: &Client) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("unbounded-cloud.io", "v1alpha3", "Machine");
    Api::all_with(client.clone(), &ApiResource::from_gvk(&kind))
}

/// Creates an object, unless it is there.
async fn create(api: &Api<DynamicObject>, object: Value) -> anyhow::Result<()> {
    match api.create(&PostParams::default(), &serde_json::from_value(object)?).await {
        Err(kube::Error::Api(error)) if error.code == 409 => Ok(()),
        created => Ok(created.map(drop)?),
    }
}
