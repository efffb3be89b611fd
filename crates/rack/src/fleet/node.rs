//! The kubelet's side of a machine: its Node, made or brought up to date by server-side writes of the kind that a kubelet does.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Node;
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

/// Requests to the API server at once, for all machines.
const AT_ONCE: usize = 16;

/// Writes the Nodes of a fleet.
pub(super) struct Kubelets {
    api: Api<Node>,
    turns: Semaphore,
}

impl Kubelets {
    pub(super) fn new(client: Client) -> Self {
        Self { api: Api::all(client), turns: Semaphore::new(AT_ONCE) }
    }

    /// Registers the Node of a machine, or says that it is still there. `start` counts the starts of its kernel.
    pub(super) async fn report(&self, name: &str, address: &str, start: u64, first: bool) -> Result<(), String> {
        let _turn = self.turns.acquire().await.map_err(|error| error.to_string())?;
        let failed = |error: kube::Error| format!("Node {name}: {error}");
        let status = status(name, address, start, first);
        let patch = Patch::Strategic(&status);
        match self.api.patch_status(name, &PatchParams::default(), &patch).await {
            Ok(_) => return Ok(()),
            Err(kube::Error::Api(error)) if error.code == 404 => {}
            Err(error) => return Err(failed(error)),
        }
        let node = json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": { "name": name, "labels": { "unbounded-cloud.io/machine": name, "kubernetes.io/hostname": name } },
        });
        let node = serde_json::from_value(node).map_err(|error| error.to_string())?;
        match self.api.create(&PostParams::default(), &node).await {
            Ok(_) => {}
            Err(kube::Error::Api(error)) if error.code == 409 => {}
            Err(error) => return Err(failed(error)),
        }
        self.api.patch_status(name, &PatchParams::default(), &patch).await.map(drop).map_err(failed)
    }
}

fn status(name: &str, address: &str, start: u64, first: bool) -> Value {
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut ready = json!({
        "type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status",
        "lastHeartbeatTime": now,
    });
    if first {
        ready["lastTransitionTime"] = now.into();
    }
    json!({
        "status": {
            "addresses": [{ "type": "InternalIP", "address": address }, { "type": "Hostname", "address": name }],
            "nodeInfo": {
                "machineID": name, "systemUUID": name, "bootID": format!("{name}-{start}"), "kernelVersion": "6.12.0",
                "osImage": "virtual rack", "containerRuntimeVersion": "containerd://2.1.0", "kubeletVersion": "v1.35.0",
                "kubeProxyVersion": "", "operatingSystem": "linux", "architecture": "amd64",
            },
            "conditions": [ready],
        },
    })
}
