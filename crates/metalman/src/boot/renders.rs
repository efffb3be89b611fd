//! Whose template is rendered when: templates compute, and images come from strangers.
//!
//! Invariants: as many at once as there are processors; one Machine has one at a time, so that a template which uses up all
//! that it may, asked for over many connections, delays other Machines by one rendering at most.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

type Turn = Arc<tokio::sync::Mutex<()>>;

/// Who renders now, and who waits.
#[derive(Debug)]
pub(super) struct Renders {
    processors: Arc<Semaphore>,
    turns: Mutex<BTreeMap<Arc<str>, Turn>>,
}

/// The right to render, until dropped.
#[derive(Debug)]
pub(super) struct Permit {
    _turn: OwnedMutexGuard<()>,
    _processor: Option<OwnedSemaphorePermit>,
}

impl Default for Renders {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(2, usize::from);
        Self { processors: Arc::new(Semaphore::new(processors)), turns: Mutex::default() }
    }
}

impl Renders {
    /// Waits for the Machine's turn, and then for a processor.
    pub(super) async fn permit(&self, machine: &str) -> Permit {
        let turn = self.turn(machine).lock_owned().await;
        // The semaphore is never closed.
        let processor = self.processors.clone().acquire_owned().await.ok();
        Permit { _turn: turn, _processor: processor }
    }

    fn turn(&self, machine: &str) -> Turn {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(machine) {
            return turn.clone();
        }
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        turns.entry(machine.into()).or_default().clone()
    }
}

#[cfg(test)]
mod tests;
