//! Names of what changed, gathered until somebody takes them.
//!
//! Invariants: a name that is marked is taken once; marking never waits; what nobody takes is bounded by the number of names.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::Notify;

/// The names, until they are taken.
#[derive(Debug, Default)]
pub struct Changed {
    names: Mutex<BTreeSet<Arc<str>>>,
    wake: Notify,
}

impl Changed {
    /// Marks names.
    pub fn mark(&self, names: impl IntoIterator<Item = Arc<str>>) {
        let any = {
            let mut marked = self.names.lock().unwrap_or_else(PoisonError::into_inner);
            marked.extend(names);
            !marked.is_empty()
        };
        if any {
            self.wake.notify_one();
        }
    }

    /// Takes all names marked, as soon as there are any. For one taker; dropping the wait loses nothing.
    pub async fn take(&self) -> BTreeSet<Arc<str>> {
        loop {
            let names = std::mem::take(&mut *self.names.lock().unwrap_or_else(PoisonError::into_inner));
            if !names.is_empty() {
                return names;
            }
            self.wake.notified().await;
        }
    }
}
