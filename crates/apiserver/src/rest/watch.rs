//! `watch`: changes as a stream of JSON documents, one a line.
//!
//! Invariants:
//! - a watcher holds a position in the store's event window and at most one event's frames: a slow reader costs nothing and,
//!   once it falls behind the window, is told 410 and ended;
//! - the bytes of an object are shared by all watchers of the same served version; only the few bytes around it are not;
//! - dropping the body frees everything; shutdown, and the end of the asked time, end the stream cleanly.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::{
    answer::{Answer, json_response, served, served_json, to_json},
    create::random,
    filter::Filter,
    media::{Encoding, Shape},
    options::ListOptions,
    pipeline::Call,
    read::watch_error,
};
use crate::{
    error::ApiError,
    kinds::{
        Resource,
        table::{self, Include},
    },
    object,
    store::{Event, EventKind, Stored, Watcher},
};

/// A watch without `timeoutSeconds` lasts this long, up to twice: spread out, so that not all reconnect at once.
const LEAST_SECONDS: u64 = 30 * 60;
/// Tells the client that all objects of the initial state were sent.
const INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";

/// Answers `watch`.
pub(super) fn watch(call: &Call) -> Result<Answer, ApiError> {
    let mut options = ListOptions::read(&call.query, true)?;
    if !call.path.name.is_empty() {
        options.fields.require("metadata.name", &call.path.name);
    }
    let filter = Filter::new(&call.resource, &options)?;
    let include = call.include()?;
    if call.accept.encoding == Encoding::Yaml {
        return Err(ApiError::not_acceptable("application/json"));
    }
    let store = &call.api.inner.store;
    let asked = options.revision.unwrap_or(0);
    // Current state first: asked for, or implied by not saying where to begin.
    let initial = options.initial_events.unwrap_or(asked == 0);
    let (after, initial) = if initial {
        let current = store.revision();
        if asked > current {
            return Err(watch_error(&crate::store::WatchError::Future { asked, current }));
        }
        let page = store.list(&call.resource.storage, call.scope());
        (page.revision, page.items)
    } else if asked == 0 {
        (store.revision(), Vec::new())
    } else {
        (asked, Vec::new())
    };
    let watcher = store.watch(&call.resource.storage, call.scope(), after).map_err(|e| watch_error(&e))?;
    let seconds = match options.timeout_seconds {
        Some(seconds) => seconds.min(24 * 60 * 60),
        None => LEAST_SECONDS + u64::from(u32::from_le_bytes(random::<4>()?)) % LEAST_SECONDS,
    };
    let period = call.api.inner.bookmark_period;
    let mut bookmarks = tokio::time::interval_at(Instant::now() + period, period);
    bookmarks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let stream = Stream {
        resource: Arc::clone(&call.resource),
        filter,
        shape: call.accept.shape,
        include,
        columns_sent: false,
        initial: initial.into_iter(),
        initial_end: (options.bookmarks && options.initial_events == Some(true)).then_some(after),
        watcher,
        frames: VecDeque::new(),
        bookmarks: options.bookmarks.then_some(bookmarks),
        until: Instant::now() + Duration::from_secs(seconds),
        stop: call.api.inner.stop.clone(),
        ended: false,
    };
    let body = Body::from_stream(futures::stream::unfold(stream, |mut stream| async move {
        let frame = stream.next().await?;
        Some((Ok::<_, std::convert::Infallible>(frame), stream))
    }));
    Ok(Answer::Response(json_response(StatusCode::OK, body)))
}

struct Stream {
    resource: Arc<Resource>,
    filter: Filter,
    shape: Shape,
    include: Include,
    columns_sent: bool,
    initial: std::vec::IntoIter<Arc<Stored>>,
    /// The bookmark at the end of the initial state is still due, at this revision.
    initial_end: Option<u64>,
    watcher: Watcher,
    /// What is left of the current event.
    frames: VecDeque<Bytes>,
    bookmarks: Option<Interval>,
    until: Instant,
    stop: tokio_util::sync::CancellationToken,
    ended: bool,
}

enum Turn {
    Event(Arc<Event>),
    Broken(ApiError),
    Bookmark,
    End,
}

impl Stream {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return Some(frame);
            }
            if self.ended {
                return None;
            }
            if let Some(stored) = self.initial.next() {
                if self.filter.matches(&stored) {
                    self.send("ADDED", &stored);
                }
                continue;
            }
            if let Some(revision) = self.initial_end.take() {
                self.bookmark(revision, true);
                continue;
            }
            match self.turn().await {
                Turn::Event(event) => self.event(&event),
                Turn::Bookmark => self.bookmark(self.watcher.position(), false),
                Turn::End => return None,
                Turn::Broken(e) => {
                    self.frames.push_back(document("ERROR", &e.status()));
                    self.ended = true;
                }
            }
        }
    }

    async fn turn(&mut self) -> Turn {
        let bookmarks = self.bookmarks.as_mut();
        let tick = async {
            match bookmarks {
                Some(interval) => {
                    interval.tick().await;
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Turn::End,
            () = tokio::time::sleep_until(self.until) => Turn::End,
            event = self.watcher.next() => match event {
                Ok(event) => Turn::Event(event),
                Err(e) => Turn::Broken(watch_error(&e)),
            },
            () = tick => Turn::Bookmark,
        }
    }

    /// Sends what a change means to this watcher: an object can enter and leave a selection without being created or
    /// deleted.
    fn event(&mut self, event: &Event) {
        let now = self.filter.matches(&event.object);
        let before = event.previous.as_ref().is_some_and(|p| self.filter.matches(p));
        match event.kind {
            EventKind::Deleted => {
                if before || (event.previous.is_none() && now) {
                    self.send("DELETED", &event.object);
                }
            }
            EventKind::Added | EventKind::Modified => match (before, now) {
                (true, true) => self.send("MODIFIED", &event.object),
                (false, true) => self.send("ADDED", &event.object),
                (true, false) => {
                    if let Some(previous) = &event.previous {
                        // The state that was selected, at the revision at which it left.
                        let mut object = served(&self.resource, previous);
                        object::set_meta(&mut object, "resourceVersion", &event.object.revision.to_string());
                        self.send_value("DELETED", &object);
                    }
                }
                (false, false) => {}
            },
        }
    }

    fn send(&mut self, kind: &'static str, stored: &Stored) {
        if self.shape == Shape::Object {
            let head: &'static [u8] = match kind {
                "ADDED" => b"{\"type\":\"ADDED\",\"object\":",
                "MODIFIED" => b"{\"type\":\"MODIFIED\",\"object\":",
                _ => b"{\"type\":\"DELETED\",\"object\":",
            };
            self.frames.push_back(Bytes::from_static(head));
            self.frames.push_back(served_json(&self.resource, stored));
            self.frames.push_back(Bytes::from_static(b"}\n"));
        } else {
            let object = served(&self.resource, stored);
            self.send_value(kind, &object);
        }
    }

    fn send_value(&mut self, kind: &str, object: &Value) {
        let shaped = match self.shape {
            Shape::Object => document(kind, object),
            Shape::Metadata => document(kind, &table::partial(object)),
            Shape::Table => {
                let table = self.table(std::slice::from_ref(object), object::resource_version(object));
                document(kind, &table)
            }
        };
        self.frames.push_back(shaped);
    }

    fn table(&mut self, objects: &[Value], revision: &str) -> Value {
        let columns = !std::mem::replace(&mut self.columns_sent, true);
        let metadata = json!({"resourceVersion": revision});
        // Ages in a watch are those of the moment of the event.
        table::table(&self.resource, objects, metadata, self.include, columns, jiff::Timestamp::now())
    }

    fn bookmark(&mut self, revision: u64, initial_end: bool) {
        let revision = revision.to_string();
        let mut metadata = json!({"resourceVersion": revision});
        if initial_end {
            metadata["annotations"] = json!({INITIAL_EVENTS_END: "true"});
        }
        let object = match self.shape {
            Shape::Object => {
                json!({"kind": self.resource.kind, "apiVersion": self.resource.api_version(), "metadata": metadata})
            }
            Shape::Metadata => table::partial(&json!({"metadata": metadata})),
            Shape::Table => {
                let mut table = self.table(&[], &revision);
                if initial_end {
                    // Where a table has no object to carry the annotation, a row without cells does.
                    table["rows"] = json!([{"cells": [], "object": table::partial(&json!({"metadata": metadata}))}]);
                }
                table
            }
        };
        self.frames.push_back(document("BOOKMARK", &object));
    }
}

fn document(kind: &str, object: &Value) -> Bytes {
    let mut text = to_json(&json!({"type": kind, "object": object})).to_vec();
    text.push(b'\n');
    text.into()
}
