//! Tasks that last as long as the server, each with a name.
//!
//! Such a task ends when it is told to. One that ends before, by returning or by a panic, leaves work undone that nobody
//! else does: whoever started it has to end too, and to say which task it was.

use std::collections::HashMap;

use tokio::task::{Id, JoinSet};

/// The running tasks. Dropping them ends them.
#[derive(Default)]
pub struct Tasks {
    running: JoinSet<()>,
    names: HashMap<Id, &'static str>,
}

/// A task that is over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the task {name:?} {}", if *panicked { "panicked" } else { "ended unexpectedly" })]
pub struct Ended {
    /// Its name.
    pub name: &'static str,
    /// By a panic; otherwise it returned.
    pub panicked: bool,
}

impl Tasks {
    /// Starts one.
    pub fn spawn(&mut self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        let id = self.running.spawn(work).id();
        self.names.insert(id, name);
    }

    /// Waits for the next one to end; `None` when none is left. Cancelling loses nothing.
    pub async fn next_ended(&mut self) -> Option<Ended> {
        let ended = self.running.join_next_with_id().await?;
        let (id, panicked) = match &ended {
            Ok((id, ())) => (*id, false),
            Err(error) => (error.id(), error.is_panic()),
        };
        Some(Ended { name: self.names.remove(&id).unwrap_or("unnamed"), panicked })
    }
}

#[cfg(test)]
mod tests;
