//! A thin client of Redfish (DMTF DSP0266): what a Machine's BMC shows, its power, and where it boots from next.
//!
//! What holds:
//!
//! - **Nothing secret leaves before the certificate was checked.** The pin is checked inside the TLS handshake ([`tls`]);
//!   a password or token goes only to the endpoint of the Machine's spec, never along a redirect or a link to another host.
//! - **One request at a time for each endpoint** ([`Clients`]), and at most one session; it is deleted on [`Client::close`]
//!   and when the client is dropped.
//! - **Nothing that changes something is sent twice**, except after an answer that says that nothing was done: 401 (a session
//!   ran out), 412 and 428 (the ETag).
//! - **Links are followed, paths are not built**; only `/redfish/v1/` is known (DSP0266, "Protocol version").
//! - **An answer is bounded** in size and time, and its words reach people in one line that holds no secret.
//! - What one system shows is kept apart from what its neighbours behind the same endpoint show.
//!
//! No vendor is known by name: what differs is tried, judged by the answer, and remembered. What was seen in the field, and where
//! it is told (GitHub repositories unless named otherwise):
//!
//! | what | where | told in |
//! |---|---|---|
//! | no session left: 503, `RAC0218` | iDRAC 7 to 9 | stmcginnis/gofish issue 75, quadsproject/badfish issue 447 |
//! | sessions answer 405 | iDRAC 8 | mrlhansen/idrac_exporter issue 132 |
//! | wrong password: 400, not 401 | iLO 4, 5 | canonical/hardware-observer-operator issue 47; DMTF/Redfish-Service-Validator PR 207 |
//! | a session that ran out deletes with 401 | iDRAC, iLO | DMTF/python-redfish-library issue 160 |
//! | few sessions, clients must log out | iLO | HPE's "Redfish authentication and sessions" |
//! | PATCH without `If-Match`: 428 `PreconditionHeaderMissing` | AMI, Lenovo with AMI | stmcginnis/gofish issue 171 |
//! | PATCH without `If-Match`: 412 | Huawei iBMC | ansible/ansible issue 60031 |
//! | weak tag of its own refused, bare or strong one taken | Gigabyte | ansible-collections/community.general PR 6434 |
//! | tag quoted twice in the header, once in the body | one vendor | ansible-collections/community.general PR 3268 |
//! | tag changes between GET and PATCH | Lenovo XCC, iDRAC 10 | …/community.general issue 11261, dell/iDRAC-Redfish-Scripting issue 354 |
//! | `BootSourceOverrideMode` not writable | iLO | ansible-collections/community.general issue 3509 |
//! | `BootSourceOverrideMode` must be sent | Supermicro | DMTF/Redfishtool PR 106 |
//! | override only at the Settings object | AMI (`…/SD`), iDRAC 10 | DMTF/Redfish-Tacklebox issue 111, stmcginnis/gofish PR 511 |
//! | override refused at the Settings object | iDRAC 9, AMI elsewhere | NVIDIA/libredfish PRs 75, 74 |
//! | refused while in POST, `UnableToModifyDuringSystemPOST` | iLO | HPE's message registry of iLO |

mod boot;
mod changes;
mod clients;
mod discovery;
mod endpoint;
mod error;
mod etag;
mod fingerprint;
mod messages;
mod metrics;
mod reset;
mod service;
mod session;
mod systems;
mod task;
mod tls;
mod transport;

use metalman_core::lifecycle::bmc::{BootOverride, BootTarget, PowerAction, System};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use clients::Gate;
use service::Service;

pub use clients::Clients;
pub use endpoint::{Credentials, Endpoint};
pub use error::RedfishError;
pub use fingerprint::{Fingerprint, FingerprintError};
pub use metrics::RedfishMetrics;

/// How long to wait for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For a connection, TLS included.
    pub connect: Duration,
    /// For an answer, its body included.
    pub request: Duration,
    /// For a task that a request began.
    pub task: Duration,
    /// For a change to be seen when it is read back.
    pub readback: Duration,
    /// Before asking again while one of the two is awaited.
    pub pause: Duration,
    /// Before a session is tried again where the BMC had none to give.
    pub session: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            request: Duration::from_secs(30),
            task: Duration::from_mins(1),
            readback: Duration::from_secs(10),
            pause: Duration::from_secs(1),
            session: Duration::from_mins(5),
        }
    }
}

/// A BMC, and at most one session on it. A clone is the same.
#[derive(Clone, Debug)]
pub struct Client {
    service: Arc<Service>,
}

impl Client {
    /// For that endpoint. Nothing is sent yet.
    pub fn new(endpoint: Endpoint, metrics: RedfishMetrics) -> Result<Self, RedfishError> {
        Self::with(endpoint, metrics, Patience::default(), Gate::default())
    }

    fn with(endpoint: Endpoint, metrics: RedfishMetrics, patience: Patience, gate: Gate) -> Result<Self, RedfishError> {
        Service::new(endpoint, metrics, patience, gate).map(|service| Self { service: Arc::new(service) })
    }

    /// Who is asked.
    pub fn endpoint(&self) -> &Endpoint {
        &self.service.endpoint
    }

    /// The certificate that the BMC showed and that was accepted; none before first contact and over plain HTTP.
    pub fn certificate(&self) -> Option<Fingerprint> {
        self.service.transport.witness.accepted()
    }

    /// Whether it met another certificate than the one it accepted first, without a pin: a new client accepts anew.
    fn is_spoiled(&self) -> bool {
        self.service.transport.witness.spoiled()
    }

    /// What the system shows. `device_id` is the Machine's (`spec.pxe.redfish.deviceID`); without it, the only system.
    pub async fn observe(&self, device_id: Option<&str>) -> Result<System, RedfishError> {
        self.timed("observe", || self.service.observe(device_id)).await
    }

    /// Changes the system's power. Done means accepted: the power state follows in its own time.
    pub async fn power(&self, device_id: Option<&str>, action: PowerAction) -> Result<(), RedfishError> {
        self.timed("power", || self.service.power(device_id, action)).await
    }

    /// Has the system's next boot come from the network, and reads it back. What is shown then.
    pub async fn set_boot_override(
        &self,
        device_id: Option<&str>,
        target: BootTarget,
    ) -> Result<BootOverride, RedfishError> {
        self.timed("set_override", || self.service.set_override(device_id, target)).await
    }

    /// Takes an override back, and reads that back. Does nothing where there is none.
    pub async fn clear_boot_override(&self, device_id: Option<&str>) -> Result<(), RedfishError> {
        self.timed("clear_override", || self.service.clear_override(device_id)).await
    }

    /// Deletes the session, if there is one. The client can be used afterwards, and logs in again then.
    pub async fn close(&self) {
        let _turn = self.service.gate.lock().await;
        self.service.log_out().await;
    }

    async fn timed<T, F: Future<Output = Result<T, RedfishError>>>(
        &self,
        operation: &'static str,
        run: impl FnOnce() -> F,
    ) -> Result<T, RedfishError> {
        let _turn = self.service.gate.lock().await;
        let began = Instant::now();
        let outcome = run().await;
        let word = outcome.as_ref().map_or_else(RedfishError::outcome, |_| "ok");
        self.service.metrics.operation(operation, word, began.elapsed());
        outcome
    }
}

#[cfg(test)]
mod tests;
