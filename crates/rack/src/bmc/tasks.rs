//! Tasks of operations that take time (DSP0266, "Asynchronous operations"). Pure.

use std::time::Duration;

/// One task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Task {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) ends: Duration,
    /// It ends with an exception instead of success.
    pub(super) fails: bool,
}

impl Task {
    pub(super) fn is_running(&self, now: Duration) -> bool {
        now < self.ends
    }
}

/// The latest tasks; older ones make room.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    kept: Vec<Task>,
    made: u64,
}

/// How many tasks are remembered.
const KEPT: usize = 32;

impl Tasks {
    pub(super) fn start(&mut self, name: String, ends: Duration, fails: bool) -> Task {
        self.made += 1;
        let task = Task { id: self.made, name, ends, fails };
        if self.kept.len() == KEPT {
            self.kept.remove(0);
        }
        self.kept.push(task.clone());
        task
    }

    pub(super) fn get(&self, id: u64) -> Option<&Task> {
        self.kept.iter().find(|task| task.id == id)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = u64> {
        self.kept.iter().map(|task| task.id)
    }
}
