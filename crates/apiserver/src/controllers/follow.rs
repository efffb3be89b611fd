//! Follows all objects of one resource: a list, then the watch, and a new list whenever the watch expired.

use std::sync::Arc;

use crate::store::{Event, Store, Stored, Watcher};

/// What was seen.
pub(super) enum Seen {
    /// Everything there is now; what is not in it is gone.
    Listed(Vec<Arc<Stored>>),
    /// One change after the list.
    Event(Arc<Event>),
}

pub(super) struct Follower {
    store: Store,
    resource: Arc<str>,
    watcher: Option<Watcher>,
}

impl Follower {
    pub(super) fn new(store: &Store, resource: impl Into<Arc<str>>) -> Self {
        Self { store: store.clone(), resource: resource.into(), watcher: None }
    }

    /// The next thing seen. Cancelling loses nothing.
    pub(super) async fn next(&mut self) -> Seen {
        loop {
            if let Some(watcher) = &mut self.watcher {
                if let Ok(event) = watcher.next().await {
                    return Seen::Event(event);
                }
                self.watcher = None;
                // Expired means that we were slow; a closing store says the same. Neither is helped by haste.
                tokio::time::sleep(super::RETRY).await;
            }
            let page = self.store.list(&self.resource, None);
            match self.store.watch(&self.resource, None, page.revision) {
                Ok(watcher) => {
                    self.watcher = Some(watcher);
                    return Seen::Listed(page.items);
                }
                Err(error) => {
                    tracing::debug!(resource = &*self.resource, %error, "watch not started, listing again");
                    tokio::time::sleep(super::RETRY).await;
                }
            }
        }
    }
}
