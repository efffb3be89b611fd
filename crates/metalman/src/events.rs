//! Events about Machines, for `kubectl describe`.
//!
//! Invariants: recording never waits and never fails its caller; the same event again raises a count instead of making a
//! new object; a storm (of packets, of requests) is bounded, here and at the API server; an event that cannot be written is
//! dropped and counted, as it is a copy of what log and status say.

mod series;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use k8s_openapi::{
    api::{core::v1::ObjectReference, events::v1::Event},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};
use kube::{
    Api, Client, Resource,
    api::{Patch, PatchParams, PostParams},
};
use metalman_core::api::Machine;
use serde_json::json;
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use self::series::{Series, Step};
use crate::{explain::explain, metrics::Metrics};

/// Events waiting to be written; beyond that they are dropped.
const QUEUE: usize = 256;
/// Kubernetes refuses longer notes.
const LONGEST_NOTE: usize = 1024;
/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Kubernetes keeps events about objects without namespace here.
const NAMESPACE: &str = "default";
/// Who reports.
const CONTROLLER: &str = "unbounded-cloud.io/metalman";

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// As it should be.
    Normal,
    /// Somebody should look.
    Warning,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// Something to tell about a Machine.
#[derive(Debug, Clone)]
struct Note {
    about: ObjectReference,
    kind: Kind,
    reason: &'static str,
    text: String,
}

/// Takes events. Clones share one queue.
#[derive(Debug, Clone)]
pub struct Recorder {
    queue: mpsc::Sender<Note>,
    metrics: Arc<Metrics>,
}

impl Recorder {
    /// A recorder, and what writes its events until stopped. `instance` tells replicas apart.
    pub fn new(
        client: Client,
        instance: String,
        metrics: Arc<Metrics>,
    ) -> (Self, impl FnOnce(CancellationToken) -> futures::future::BoxFuture<'static, ()>) {
        let (queue, notes) = mpsc::channel(QUEUE);
        let recorder = Self { queue, metrics: metrics.clone() };
        let writer = Writer { api: Api::namespaced(client, NAMESPACE), instance, metrics, series: Series::default() };
        (recorder, move |stop| Box::pin(writer.run(notes, stop)))
    }

    /// Tells about a Machine. `reason` is one `CamelCase` word; `message` must hold no secret.
    pub fn record(&self, machine: &Machine, kind: Kind, reason: &'static str, message: impl Into<String>) {
        let text: String = message.into();
        let note = Note { about: machine.object_ref(&()), kind, reason, text: cut(text) };
        if self.queue.try_send(note).is_err() {
            self.metrics.event("dropped");
        }
    }
}

struct Writer {
    api: Api<Event>,
    instance: String,
    metrics: Arc<Metrics>,
    series: Series,
}

impl Writer {
    async fn run(mut self, mut notes: mpsc::Receiver<Note>, stop: CancellationToken) {
        let begun = Instant::now();
        let work = async {
            while let Some(note) = notes.recv().await {
                let key = (note.about.uid.clone().unwrap_or_default(), note.reason, note.text.clone());
                let next = self.series.step(key.clone(), begun.elapsed());
                let written = match &next {
                    Step::Skip => continue,
                    Step::Drop => {
                        self.metrics.event("dropped");
                        continue;
                    }
                    Step::Create => tokio::time::timeout(PATIENCE, self.create(&note)).await,
                    Step::Raise { name, count } => tokio::time::timeout(PATIENCE, self.raise(name, *count)).await,
                };
                match written {
                    Ok(Ok(name)) => {
                        self.series.written(&key, name);
                        self.metrics.event("written");
                    }
                    Ok(Err(error)) => {
                        // Perhaps it expired at the API server: the next one is made anew.
                        self.series.forget(&key);
                        self.metrics.event("failed");
                        self.metrics.api_error("event", &error);
                        warn!(reason = note.reason, error = explain(&error), "an event was not written");
                    }
                    Err(_) => {
                        self.series.forget(&key);
                        self.metrics.event("failed");
                        debug!(reason = note.reason, "an event was not written in time");
                    }
                }
            }
        };
        let _ = stop.run_until_cancelled(work).await;
    }

    async fn create(&self, note: &Note) -> kube::Result<String> {
        let now = Timestamp::now();
        let machine = note.about.name.as_deref().unwrap_or_default();
        let event = Event {
            metadata: ObjectMeta {
                namespace: Some(NAMESPACE.into()),
                // Replicas, and events of the same moment, must not meet under one name.
                name: Some(format!("{machine}.{}", uuid::Uuid::new_v4().simple())),
                ..ObjectMeta::default()
            },
            event_time: Some(MicroTime(now)),
            action: Some("Boot".into()),
            reason: Some(note.reason.into()),
            note: Some(note.text.clone()),
            type_: Some(note.kind.as_str().into()),
            regarding: Some(note.about.clone()),
            reporting_controller: Some(CONTROLLER.into()),
            reporting_instance: Some(self.instance.clone()),
            ..Event::default()
        };
        let made = self.api.create(&PostParams::default(), &event).await?;
        Ok(made.metadata.name.unwrap_or_default())
    }

    async fn raise(&self, name: &str, count: i32) -> kube::Result<String> {
        let series = json!({ "series": { "count": count, "lastObservedTime": MicroTime(Timestamp::now()) } });
        self.api.patch(name, &PatchParams::default(), &Patch::Merge(&series)).await?;
        Ok(name.to_owned())
    }
}

fn cut(mut text: String) -> String {
    if text.len() > LONGEST_NOTE {
        let end = text.floor_char_boundary(LONGEST_NOTE - '…'.len_utf8());
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests;
