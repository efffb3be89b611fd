//! The shell of leader election: sends what [`super::decide`] says, and publishes who leads.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api, Client, ResourceExt,
    api::{ObjectMeta, PostParams},
};
use nix::time::{ClockId, clock_gettime};
use tokio::{sync::watch, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, info, warn};

use super::decide::{Action, Answer, Elector, Record, Stored, Tick};
use crate::{config::ElectionConfig, explain::explain};

/// Field manager of every write.
const MANAGER: &str = "metalman";

/// How long a release waits for the work of the term, and then for the API server.
const RELEASE_PATIENCE: Duration = Duration::from_secs(5);

/// Local time that also counts while the machine sleeps: a suspended leader must not wake up believing in its old term.
pub fn boot_time() -> Tick {
    // CLOCK_BOOTTIME exists since Linux 2.6.39; the fallback cannot be reached where metalman builds.
    clock_gettime(ClockId::CLOCK_BOOTTIME)
        .or_else(|_| clock_gettime(ClockId::CLOCK_MONOTONIC))
        .map_or(Duration::ZERO, Duration::from)
}

/// An identity of this process alone, by which people still find the pod: host name and a random part.
pub fn new_identity() -> String {
    let host = nix::unistd::gethostname().ok().and_then(|h| h.into_string().ok()).unwrap_or_else(|| "metalman".into());
    format!("{host}_{}", uuid::Uuid::new_v4())
}

/// One uninterrupted leadership.
#[derive(Debug, Clone)]
pub struct Term {
    number: i32,
    /// [`boot_time`] in nanoseconds; renewals move it on, an end sets it to zero.
    valid_until: Arc<AtomicU64>,
    ended: CancellationToken,
    work: TaskTracker,
}

impl Term {
    pub(crate) fn new(number: i32, until: Tick) -> Self {
        let term =
            Self { number, valid_until: Arc::default(), ended: CancellationToken::new(), work: TaskTracker::new() };
        term.extend(until);
        term
    }

    fn extend(&self, until: Tick) {
        self.valid_until.store(u64::try_from(until.as_nanos()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    pub(super) fn end(&self) {
        self.valid_until.store(0, Ordering::SeqCst);
        self.ended.cancel();
        self.work.close();
    }

    /// The Lease's `leaseTransitions` in this term: grows with each holder.
    pub fn number(&self) -> i32 {
        self.number
    }

    /// Whether the term still runs. Ask right before each effect: a process that slept finds out here, before any task
    /// had a chance to tell it.
    pub fn is_valid(&self) -> bool {
        boot_time().as_nanos() < u128::from(self.valid_until.load(Ordering::SeqCst))
    }

    /// Cancelled when the term ends.
    pub fn ended(&self) -> &CancellationToken {
        &self.ended
    }

    /// Runs work that only the leader does. It is dropped when the term ends, and the Lease is released only after that.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> tokio::task::JoinHandle<Option<()>> {
        let ended = self.ended.clone();
        self.work.spawn(async move { ended.run_until_cancelled(work).await })
    }
}

/// Who leads, as far as this replica knows.
#[derive(Debug, Clone, Default)]
pub struct Leadership {
    /// This replica's term, if it leads.
    pub term: Option<Term>,
    /// The holder's identity, if known.
    pub holder: Option<String>,
}

impl Leadership {
    /// Whether this replica leads right now.
    pub fn leads(&self) -> bool {
        self.term.as_ref().is_some_and(Term::is_valid)
    }
}

/// The candidate of this process.
pub struct Election {
    api: Api<Lease>,
    lease_name: String,
    elector: Elector,
    /// The Lease's metadata as last read: a replace must not drop the labels that somebody gave it.
    metadata: ObjectMeta,
    publish: watch::Sender<Leadership>,
}

impl Election {
    /// A candidate; leadership appears in the channel once [`Election::run`] runs.
    pub fn new(client: Client, namespace: &str, config: &ElectionConfig, identity: String) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            lease_name: config.lease_name.clone(),
            elector: Elector::new(identity, config.timings),
            metadata: ObjectMeta::default(),
            publish: watch::Sender::new(Leadership::default()),
        }
    }

    /// Who leads.
    pub fn subscribe(&self) -> watch::Receiver<Leadership> {
        self.publish.subscribe()
    }

    /// Takes part until stopped; then ends the term, waits for its work, and releases the Lease.
    pub async fn run(mut self, stop: CancellationToken) {
        info!(lease = %self.lease_name, identity = %self.elector.identity(), "leader election takes part");
        loop {
            let action = self.elector.next(boot_time(), Timestamp::now());
            self.publish();
            let pause = match &action {
                Action::Wait(until) => until.saturating_sub(boot_time()),
                _ => Duration::ZERO,
            };
            if matches!(action, Action::Wait(_)) {
                // Wakes for a term's end too: the elector's waits never go beyond it.
                tokio::select! {
                    () = tokio::time::sleep(pause) => continue,
                    () = stop.cancelled() => break,
                }
            }
            let sent = boot_time();
            let answer = tokio::select! {
                answer = self.request(action) => answer,
                // The write may still happen; the release reads first.
                () = stop.cancelled() => Answer::Unknown,
            };
            self.elector.answer(sent, boot_time(), answer);
            self.publish();
            if stop.is_cancelled() {
                break;
            }
        }
        self.resign().await;
    }

    /// One request. Ends the term in time even when the API server hangs.
    async fn request(&mut self, action: Action) -> Answer {
        let patience = self.elector.request_timeout();
        let Some(end) = self.elector.term_end() else { return self.send(action, patience).await };
        let term = self.publish.borrow().term.clone();
        let request = self.send(action, patience);
        tokio::pin!(request);
        tokio::select! {
            answer = &mut request => answer,
            () = tokio::time::sleep(end.saturating_sub(boot_time())) => {
                if let Some(term) = term {
                    warn!("leadership lost: the lease could not be renewed in time");
                    term.end();
                }
                request.await
            }
        }
    }

    async fn send(&mut self, action: Action, patience: Duration) -> Answer {
        let post = PostParams { field_manager: Some(MANAGER.into()), ..PostParams::default() };
        let (name, reading) = (self.lease_name.as_str(), matches!(action, Action::Read));
        let outcome = timeout(patience, async {
            match action {
                Action::Wait(_) | Action::Read => self.api.get(name).await,
                Action::Create(record) => {
                    let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
                    self.api.create(&post, &to_lease(metadata, record)).await
                }
                Action::Replace(Stored { resource_version, record }) => {
                    let metadata = ObjectMeta {
                        name: Some(name.to_owned()),
                        resource_version: Some(resource_version),
                        managed_fields: None,
                        ..self.metadata.clone()
                    };
                    self.api.replace(name, &post, &to_lease(metadata, record)).await
                }
            }
        })
        .await;
        match outcome {
            Ok(Ok(lease)) => {
                let stored = from_lease(&lease);
                self.metadata = lease.metadata;
                if reading { Answer::Found(stored) } else { Answer::Written(stored) }
            }
            Ok(Err(kube::Error::Api(status))) if status.code == 404 && status.reason == "NotFound" => {
                // Also the answer for a namespace that is missing: creating the Lease then says so.
                Answer::Absent
            }
            Ok(Err(kube::Error::Api(status))) if status.code == 409 => Answer::Conflict,
            Ok(Err(error)) => {
                warn!(lease = %self.lease_name, error = explain(&error), "the lease cannot be read or written");
                Answer::Unknown
            }
            Err(_) => {
                warn!(lease = %self.lease_name, ?patience, "the API server did not answer in time about the lease");
                Answer::Unknown
            }
        }
    }

    /// Brings the channel in line with the elector.
    fn publish(&self) {
        let now = boot_time();
        let (end, holder) = (self.elector.term_end().filter(|end| now < *end), self.elector.holder());
        let current = self.publish.borrow().clone();
        let running = current.term.as_ref().filter(|t| !t.ended.is_cancelled());
        let next = match (running, end) {
            (Some(term), Some(end)) => {
                term.extend(end);
                Some(term.clone())
            }
            (None, Some(end)) => {
                info!(lease = %self.lease_name, identity = %self.elector.identity(), "leadership acquired");
                Some(Term::new(self.elector.transitions(), end))
            }
            (Some(term), None) => {
                term.end();
                warn!(lease = %self.lease_name, holder, "leadership lost");
                None
            }
            (None, None) => None,
        };
        let changed = next.is_some() != current.term.is_some()
            || running.is_some() != current.term.is_some()
            || current.holder.as_deref() != holder;
        if changed {
            debug!(lease = %self.lease_name, holder, "the lease's holder");
            self.publish.send_replace(Leadership { term: next, holder: holder.map(str::to_owned) });
        }
    }

    /// Lets another replica take over at once, instead of after the lease duration.
    async fn resign(&mut self) {
        let term = self.publish.borrow().term.clone();
        if let Some(term) = &term {
            term.end();
        }
        self.publish.send_replace(Leadership::default());
        if let Some(term) = &term
            && timeout(RELEASE_PATIENCE, term.work.wait()).await.is_err()
        {
            warn!(lease = %self.lease_name, "the leader's work does not end: the lease is left to expire");
            return;
        }
        let mut release = self.elector.release(Timestamp::now());
        if release.is_none() && term.is_some() {
            // A renewal was under way: what the Lease says now is known only to the API server.
            let sent = boot_time();
            let answer = self.send(Action::Read, RELEASE_PATIENCE).await;
            self.elector.answer(sent, boot_time(), answer);
            release = self.elector.release(Timestamp::now());
        }
        let Some(stored) = release else { return };
        match self.send(Action::Replace(stored), RELEASE_PATIENCE).await {
            Answer::Written(_) => info!(lease = %self.lease_name, "lease released"),
            answer => warn!(lease = %self.lease_name, ?answer, "the lease was not released and will expire"),
        }
    }
}

fn to_lease(metadata: ObjectMeta, record: Record) -> Lease {
    Lease {
        metadata,
        spec: Some(LeaseSpec {
            // Empty, not absent: that is how client-go writes and reads a released lease.
            holder_identity: Some(record.holder.unwrap_or_default()),
            lease_duration_seconds: record.duration_seconds,
            acquire_time: record.acquire_time.map(MicroTime),
            renew_time: record.renew_time.map(MicroTime),
            lease_transitions: Some(record.transitions),
            ..LeaseSpec::default()
        }),
    }
}

fn from_lease(lease: &Lease) -> Stored {
    let spec = lease.spec.clone().unwrap_or_default();
    Stored {
        resource_version: lease.resource_version().unwrap_or_default(),
        record: Record {
            holder: spec.holder_identity.filter(|h| !h.is_empty()),
            duration_seconds: spec.lease_duration_seconds,
            acquire_time: spec.acquire_time.map(|t| t.0),
            renew_time: spec.renew_time.map(|t| t.0),
            transitions: spec.lease_transitions.unwrap_or(0),
        },
    }
}
