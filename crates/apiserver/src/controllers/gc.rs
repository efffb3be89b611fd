//! Garbage collection by owner references.
//!
//! - A dependent whose owners are all gone is deleted (background); references to owners that are gone are dropped from
//!   one that still has others.
//! - An owner with the finalizer `foregroundDeletion` stays until the dependents that block it are gone.
//! - An owner with the finalizer `orphan` goes once no dependent refers to it.
//!
//! Whether an owner exists is looked up in the store by its coordinates and uid, never concluded from what watches have
//! shown so far: watches of different resources are not in step. The index only finds the dependents of an owner that
//! went; it may lag, since a dependent seen later is judged when it is seen. Decisions that must not miss a dependent
//! (foreground, orphan) search the store instead.

mod collector;
mod head;
mod judge;

use std::{collections::HashMap, sync::Arc};

use tokio::{sync::mpsc, task::JoinSet};

use self::{collector::Collector, head::Head};
use super::follow::{Follower, Seen};
use crate::{
    kinds::Registry,
    store::{EventKind, Key, Store},
};

/// From the followers of the resources to the collector.
enum Message {
    /// Objects that are there, after a list.
    Listed(Arc<str>, Vec<(Key, Head)>),
    /// An object appeared or changed.
    Seen(Key, Head),
    /// An object went.
    Gone(Key, Head),
}

async fn reflect(store: Store, resource: Arc<str>, to: mpsc::Sender<Message>) {
    let mut follower = Follower::new(&store, Arc::clone(&resource));
    loop {
        let message = match follower.next().await {
            Seen::Listed(items) => {
                let heads = items.iter().map(|s| (s.key.clone(), Head::of(s)));
                Message::Listed(Arc::clone(&resource), heads.filter(|(_, h)| h.concerns()).collect())
            }
            Seen::Event(e) if e.kind == EventKind::Deleted => Message::Gone(e.object.key.clone(), Head::of(&e.object)),
            Seen::Event(e) => Message::Seen(e.object.key.clone(), Head::of(&e.object)),
        };
        if to.send(message).await.is_err() {
            return;
        }
    }
}

/// Runs until dropped.
pub(super) async fn run(store: Store, registry: Arc<Registry>) {
    let mut changes = registry.changes();
    let (to, mut from) = mpsc::channel(1024);
    let mut tasks = JoinSet::new();
    let mut followed = HashMap::new();
    let mut collector = Collector::new(store.clone(), Arc::clone(&registry));
    loop {
        let served: Vec<Arc<str>> = registry.stored().into_iter().map(|r| Arc::clone(&r.storage)).collect();
        followed.retain(|resource, handle: &mut tokio::task::AbortHandle| {
            let stays = served.contains(resource);
            if !stays {
                handle.abort();
            }
            stays
        });
        for resource in served {
            followed
                .entry(Arc::clone(&resource))
                .or_insert_with(|| tasks.spawn(reflect(store.clone(), resource, to.clone())));
        }
        // Owners of a kind that was unknown can be looked up now.
        collector.judge_all();
        loop {
            collector.work().await;
            tokio::select! {
                biased;
                outcome = changes.changed() => match outcome {
                    Ok(()) => break,
                    Err(_) => return,
                },
                Some(message) = from.recv() => collector.take(message),
                Some(ended) = tasks.join_next() => match ended {
                    // A follower that panicked would leave its resource uncollected, silently.
                    Err(e) if e.is_panic() => std::panic::resume_unwind(e.into_panic()),
                    _ => {}
                },
                () = tokio::time::sleep(super::RETRY), if collector.has_failed() => collector.retry(),
            }
        }
    }
}

#[cfg(test)]
mod tests;
