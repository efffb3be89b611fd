//! A position in the event window of one resource.
//!
//! Invariants:
//! - events come in revision order, each once, and only durable ones;
//! - `next` may be cancelled at any time without losing an event;
//! - an event taken into the buffer is delivered even when the window has moved on meanwhile.

use std::{collections::VecDeque, sync::Arc};

use tokio::sync::watch;

use super::{
    Event, WatchError,
    memory::{Memory, check_window, in_namespace},
};

/// Events taken under one hold of the lock.
const CHUNK: usize = 64;

/// A position in the event window.
pub struct Watcher {
    memory: Arc<Memory>,
    resource: Arc<str>,
    namespace: Option<Box<str>>,
    /// Everything up to here was delivered, is in the buffer, or does not concern this watcher.
    scanned: u64,
    buffer: VecDeque<Arc<Event>>,
    wake: watch::Receiver<()>,
}

impl Watcher {
    pub(super) fn start(
        memory: &Arc<Memory>,
        resource: &str,
        namespace: Option<&str>,
        after: u64,
    ) -> Result<Self, WatchError> {
        let mut state = memory.write();
        check_window(&state, resource, after)?;
        let found = state.resource(resource);
        Ok(Self {
            memory: Arc::clone(memory),
            resource: Arc::clone(&found.name),
            namespace: namespace.map(Into::into),
            scanned: after,
            buffer: VecDeque::new(),
            wake: found.wake.subscribe(),
        })
    }

    /// The next event. A watcher that fell behind the window gets `Expired`, and so does one whose store is closed.
    pub async fn next(&mut self) -> Result<Arc<Event>, WatchError> {
        loop {
            if let Some(event) = self.buffer.pop_front() {
                return Ok(event);
            }
            // Before looking, so that an event published after the look still wakes.
            self.wake.mark_unchanged();
            let closed = self.fill()?;
            if !self.buffer.is_empty() {
                continue;
            }
            if closed || self.wake.changed().await.is_err() {
                return Err(WatchError::Expired { asked: self.scanned, oldest: self.scanned });
            }
        }
    }

    /// Everything up to this revision has been returned by `next`: what a bookmark may carry.
    pub fn position(&self) -> u64 {
        if let Some(event) = self.buffer.front() {
            return event.object.revision - 1;
        }
        let state = self.memory.read();
        let Some(resource) = state.resources.get(&self.resource) else { return self.scanned };
        if self.scanned < resource.trimmed {
            return self.scanned;
        }
        // The store's revision, not the resource's: a bookmark keeps a quiet watch from expiring.
        resource
            .after(self.scanned)
            .find(|e| in_namespace(e, self.namespace.as_deref()))
            .map_or(state.revision, |e| e.object.revision - 1)
    }

    /// Takes the next events into the buffer. Says whether the store is closed.
    fn fill(&mut self) -> Result<bool, WatchError> {
        let state = self.memory.read();
        let Some(resource) = state.resources.get(&self.resource) else { return Ok(state.closed) };
        if self.scanned < resource.trimmed {
            return Err(WatchError::Expired { asked: self.scanned, oldest: resource.trimmed });
        }
        self.buffer.extend(
            resource.after(self.scanned).filter(|e| in_namespace(e, self.namespace.as_deref())).take(CHUNK).cloned(),
        );
        // A full chunk may have left some behind; less than that means the log was read to its end.
        self.scanned = match self.buffer.back() {
            Some(last) if self.buffer.len() == CHUNK => last.object.revision,
            _ => state.revision,
        };
        Ok(state.closed)
    }
}
