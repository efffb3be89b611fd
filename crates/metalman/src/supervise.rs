//! The tasks of the process: one set, one token.
//!
//! Invariants: every task has a name; a task that ends before it was asked to ends the process, and the error names it;
//! after the token is cancelled each task has a bounded time to finish, and what has not finished by then is named.

use std::{collections::HashMap, future::Future, time::Duration};

use tokio::{
    task::{Id, JoinError, JoinSet},
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

/// A task that ended before it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// It returned as if it were done.
    #[error("task {0} ended unexpectedly")]
    Ended(&'static str),
    /// It failed.
    #[error("task {task} failed")]
    Failed {
        /// Its name.
        task: &'static str,
        /// Why.
        source: anyhow::Error,
    },
    /// It panicked; the panic itself is in the log.
    #[error("task {0} panicked")]
    Panicked(&'static str),
}

/// The tasks.
#[derive(Debug)]
pub struct Supervisor {
    tasks: JoinSet<anyhow::Result<()>>,
    names: HashMap<Id, &'static str>,
    stop: CancellationToken,
}

impl Supervisor {
    /// No tasks yet. Cancelling the token asks all of them to end.
    pub fn new(stop: CancellationToken) -> Self {
        Self { tasks: JoinSet::new(), names: HashMap::new(), stop }
    }

    /// Runs a task, which ends when the token is cancelled and not before.
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = anyhow::Result<()>> + Send + 'static) {
        let handle = self.tasks.spawn(task);
        self.names.insert(handle.id(), name);
    }

    /// Runs a task that cannot fail.
    pub fn spawn_infallible(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.spawn(name, async {
            task.await;
            Ok(())
        });
    }

    /// Waits until the token is cancelled, or a task ends by itself.
    pub async fn watch(&mut self) -> Result<(), TaskError> {
        let stop = self.stop.clone();
        let ended = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            ended = self.tasks.join_next_with_id() => ended,
        };
        // No task at all: only the token can end this.
        let Some(ended) = ended else {
            stop.cancelled().await;
            return Ok(());
        };
        let (name, outcome) = self.outcome(ended);
        if stop.is_cancelled() {
            return Ok(());
        }
        Err(match outcome {
            Ok(Ok(())) => TaskError::Ended(name),
            Ok(Err(source)) => TaskError::Failed { task: name, source },
            Err(_) => TaskError::Panicked(name),
        })
    }

    /// Cancels the token and waits for the tasks, each of which may still report a failure in the log.
    pub async fn drain(&mut self, patience: Duration) {
        self.stop.cancel();
        let deadline = Instant::now() + patience;
        loop {
            match timeout_at(deadline, self.tasks.join_next_with_id()).await {
                Ok(None) => return,
                Ok(Some(ended)) => match self.outcome(ended) {
                    (task, Ok(Ok(()))) => debug!(task, "task ended"),
                    (task, Ok(Err(error))) => error!(task, error = format!("{error:#}"), "task failed while stopping"),
                    (task, Err(_)) => error!(task, "task panicked while stopping"),
                },
                Err(_) => {
                    let mut left: Vec<&str> = self.names.values().copied().collect();
                    left.sort_unstable();
                    warn!(tasks = left.join(","), ?patience, "tasks do not end and are dropped");
                    self.tasks.shutdown().await;
                    return;
                }
            }
        }
    }

    fn outcome(
        &mut self,
        ended: Result<(Id, anyhow::Result<()>), JoinError>,
    ) -> (&'static str, Result<anyhow::Result<()>, JoinError>) {
        let (id, outcome) = match ended {
            Ok((id, outcome)) => (id, Ok(outcome)),
            Err(error) => (error.id(), Err(error)),
        };
        (self.names.remove(&id).unwrap_or("unknown"), outcome)
    }
}

/// Cancels the token at the first SIGTERM or SIGINT and ends the process at the second.
pub fn stop_on_signals(stop: CancellationToken) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::spawn(async move {
        let mut signals = 0;
        loop {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            signals += 1;
            if signals > 1 {
                warn!(signal = name, "second signal: ending at once");
                std::process::exit(crate::exit::FAILURE.into());
            }
            tracing::info!(signal = name, "stopping; a second signal ends at once");
            stop.cancel();
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests;
