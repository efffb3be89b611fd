//! What machines report: `/pxe/disable`, `/cloudinit/log` and `/boot/event`.
//!
//! Invariants: 200 means that it is in the Machine's status, on the API server's disk; 202, for progress that the next report
//! replaces anyway, that it will be in a moment. Whose report it is, its address says, as for files. What one Machine may send
//! is bounded: the bytes of a body, the time it takes, and how many there are.

mod body;
mod cloud_init;
mod quota;

use std::{net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, StatusCode, header, request::Parts};
use http_body::Body;
use metalman_core::api::Machine;
use metalman_wire::boot_event::{BootEvent, BootStep};
use tracing::{debug, info};

pub(super) use self::quota::Quotas;
use super::{
    peer,
    respond::{Answer, RETRY_AFTER, failure, set, text},
    server::{Limits, Shared},
};
use crate::boot::{BootError, Entry, Unwritten};

/// How long a report may wait to be written. The API server is asked several times meanwhile.
const PATIENCE: Duration = Duration::from_secs(40);

/// Where reports are sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// The installer is done.
    PxeDisable,
    /// cloud-init's events.
    CloudInitLog,
    /// Progress.
    BootEvent,
}

/// Why a report is not taken. Display is what the machine is told.
#[derive(Debug, thiserror::Error)]
enum ReportError {
    #[error(transparent)]
    Machine(#[from] BootError),
    #[error("method not allowed")]
    Method,
    #[error("{0}")]
    Malformed(String),
    #[error("a report is {limit} bytes at most")]
    TooLarge { limit: usize },
    #[error("the report did not come in time")]
    Slow,
    #[error("too many reports")]
    TooMany,
    #[error(transparent)]
    Unwritten(#[from] Unwritten),
}

impl Endpoint {
    /// The endpoint at that path.
    pub(super) fn at(path: &str) -> Option<Self> {
        match path {
            "/pxe/disable" => Some(Self::PxeDisable),
            "/cloudinit/log" => Some(Self::CloudInitLog),
            "/boot/event" => Some(Self::BootEvent),
            _ => None,
        }
    }

    fn takes(self, method: &Method) -> bool {
        method == Method::POST || (self == Self::PxeDisable && method == Method::GET)
    }

    fn methods(self) -> &'static str {
        match self {
            Self::PxeDisable => "GET, POST",
            Self::CloudInitLog | Self::BootEvent => "POST",
        }
    }

    /// What a body means.
    fn read(self, body: &[u8]) -> Result<Entry, ReportError> {
        match self {
            Self::PxeDisable => Ok(Entry::Installed),
            Self::CloudInitLog => cloud_init::parse(body).map(Entry::CloudInit).map_err(ReportError::Malformed),
            Self::BootEvent => {
                BootEvent::parse(body).map(Entry::Event).map_err(|error| ReportError::Malformed(error.to_string()))
            }
        }
    }
}

/// Answers a report that came over a connection from that address.
pub(super) async fn answer<B>(
    server: &Shared,
    limits: &Limits,
    endpoint: Endpoint,
    connection: IpAddr,
    request: &Parts,
    body: B,
) -> Answer
where
    B: Body<Data = Bytes>,
{
    match take(server, limits, endpoint, connection, request, body).await {
        Ok(StatusCode::ACCEPTED) => text(StatusCode::ACCEPTED, "taken\n"),
        Ok(status) => text(status, "ok\n"),
        Err(error) => refusal(endpoint, &error),
    }
}

async fn take<B>(
    server: &Shared,
    limits: &Limits,
    endpoint: Endpoint,
    connection: IpAddr,
    request: &Parts,
    body: B,
) -> Result<StatusCode, ReportError>
where
    B: Body<Data = Bytes>,
{
    if !endpoint.takes(&request.method) {
        return Err(ReportError::Method);
    }
    let peer = peer::address(connection, &request.headers, &server.trusted).ok_or(BootError::UnknownMachine)?;
    let machine = server.boot.machine(peer)?;
    if !server.quotas.spend(machine.name()) {
        return Err(ReportError::TooMany);
    }
    let body = body::read(body, &request.headers, limits).await?;
    let entry = endpoint.read(&body)?;
    debug!(machine = machine.name(), ip = %peer, ?endpoint, "reported");
    if is_replaced_soon(&entry) {
        server.boot.journal.note(&machine, entry);
        return Ok(StatusCode::ACCEPTED);
    }
    write(server, machine, entry).await?;
    Ok(StatusCode::OK)
}

/// Percentages come many times a second and each replaces the one before: they wait for nobody, and nobody for them.
fn is_replaced_soon(entry: &Entry) -> bool {
    matches!(entry, Entry::Event(event) if event.step == BootStep::ImageWriting)
}

/// Returns once it is written, which goes on also when the machine hangs up.
async fn write(server: &Shared, machine: Arc<Machine>, entry: Entry) -> Result<(), ReportError> {
    let is_end = entry == Entry::Installed;
    let written = tokio::time::timeout(PATIENCE, server.boot.journal.write(&machine, entry)).await;
    match written.unwrap_or(Err(Unwritten::Away)) {
        Ok(()) => {
            if is_end {
                info!(machine = machine.name(), "the installer reports that it is done");
            }
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

fn refusal(endpoint: Endpoint, error: &ReportError) -> Answer {
    let status = match error {
        ReportError::Machine(error) => return failure(error),
        ReportError::Method => StatusCode::METHOD_NOT_ALLOWED,
        ReportError::Malformed(_) => StatusCode::BAD_REQUEST,
        ReportError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        ReportError::Slow => StatusCode::REQUEST_TIMEOUT,
        ReportError::TooMany | ReportError::Unwritten(Unwritten::Busy) => StatusCode::TOO_MANY_REQUESTS,
        ReportError::Unwritten(Unwritten::Gone) => StatusCode::NOT_FOUND,
        ReportError::Unwritten(Unwritten::Away) => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut answer = text(status, format!("{error}\n"));
    match status {
        StatusCode::METHOD_NOT_ALLOWED => set(&mut answer, header::ALLOW, endpoint.methods()),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            set(&mut answer, header::RETRY_AFTER, RETRY_AFTER);
        }
        // The rest of the body is not worth waiting for.
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT => set(&mut answer, header::CONNECTION, "close"),
        _ => {}
    }
    answer
}
