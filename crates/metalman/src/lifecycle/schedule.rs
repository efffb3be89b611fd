//! Who is looked at when, in one term: woken by changes of the Machine and of its Node, by its own time, and by what was
//! done.
//!
//! Invariants: a change makes only the Machine looked at that it is about; a step that panics costs its own Machine a pause
//! and nobody else anything; when the term ends everything here is dropped, requests under way included.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use metalman_core::api::{Machine, Phase};
use tokio::task::{Id, JoinError, JoinSet};
use tracing::{error, info};

use super::{access::Reach, memory::Memory, queue::Queue, step::Shell};
use crate::inventory::{Changed, SharedInventory};

/// Between first looks at idle BMCs, so that a new term does not ask all of them at once: 10,000 take 200 s, and a Machine
/// that was registered just now is looked at just now.
const FIRST_LOOKS: Duration = Duration::from_millis(20);

/// Before a Machine whose step panicked is looked at again.
const SHOCK: Duration = Duration::from_mins(1);

/// What a step leaves.
type Left = (Option<Memory>, Option<Instant>);

/// The scheduler of a term.
pub(super) struct Scheduler {
    shell: Arc<Shell>,
    inventory: Arc<SharedInventory>,
    changed: Arc<Changed>,
    queue: Queue,
    /// Of Machines whose step does not run right now.
    memories: HashMap<Arc<str>, Memory>,
    steps: JoinSet<Left>,
    names: HashMap<Id, Arc<str>>,
    first_look: Instant,
}

impl Scheduler {
    /// Lets so many steps run at once.
    pub(super) fn new(shell: Arc<Shell>, inventory: Arc<SharedInventory>, most: usize) -> Self {
        let changed = inventory.subscribe();
        Self {
            shell,
            inventory,
            changed,
            queue: Queue::new(most),
            memories: HashMap::new(),
            steps: JoinSet::new(),
            names: HashMap::new(),
            first_look: Instant::now(),
        }
    }

    /// Runs until dropped.
    pub(super) async fn run(mut self) {
        self.shell.metrics.rest();
        let (shell, changed) = (self.shell.clone(), self.changed.clone());
        let now = Instant::now();
        for name in self.inventory.names() {
            self.queue.wake(&name, now);
        }
        info!(machines = self.queue.len(), "the lives of this site's Machines are in this replica's hands");
        loop {
            self.start();
            let due = self.queue.next();
            tokio::select! {
                names = changed.take() => self.wake(names),
                names = shell.nodes.changed() => self.wake(names),
                names = shell.nodes.alive() => self.wake_waiting(names),
                Some(ended) = self.steps.join_next_with_id(), if !self.steps.is_empty() => self.ended(ended),
                () = sleep_until(due), if due.is_some() => {}
            }
        }
    }

    fn wake(&mut self, names: BTreeSet<Arc<str>>) {
        let now = Instant::now();
        for name in names {
            // Of Nodes that are no Machine's here, nobody wants to hear.
            let is_ours = self.inventory.read().get(&name).is_some();
            if is_ours || self.memories.contains_key(&name) || self.queue.contains(&name) {
                self.queue.wake(&name, now);
            }
        }
    }

    /// A heartbeat matters to those who wait for one.
    fn wake_waiting(&mut self, names: BTreeSet<Arc<str>>) {
        let waits = |machine: &Machine| machine.status.as_ref().and_then(|status| status.phase) != Some(Phase::Ready);
        let waiting: Vec<Arc<str>> = {
            let inventory = self.inventory.read();
            names.into_iter().filter(|name| inventory.get(name).is_some_and(|entry| waits(entry.machine()))).collect()
        };
        let now = Instant::now();
        for name in waiting {
            self.queue.wake(&name, now);
        }
    }

    /// Begins every step that may begin.
    fn start(&mut self) {
        loop {
            let now = Instant::now();
            let (inventory, memories) = (&self.inventory, &self.memories);
            let endpoint = |name: &Arc<str>| match inventory.read().get(name) {
                Some(entry) => Reach::of(entry.machine()).map(|reach| reach.endpoint()),
                None => memories.get(name)?.reach.as_ref().map(Reach::endpoint),
            };
            let Some(start) = self.queue.start(now, endpoint) else { return };
            let name = start.name;
            let machine = self.inventory.read().get(&name).map(|entry| entry.machine().clone());
            let memory = self.memories.remove(&name);
            let fresh = machine.as_deref().map(|machine| Memory::new(self.turn(machine, memory.as_ref(), now)));
            self.shell.metrics.began(start.lag);
            let task = self.steps.spawn(take_step(self.shell.clone(), name.clone(), machine, memory, fresh));
            self.names.insert(task.id(), name);
        }
    }

    /// When the BMC of a Machine that was never looked at has its turn.
    fn turn(&mut self, machine: &Machine, memory: Option<&Memory>, now: Instant) -> Option<Instant> {
        if memory.is_some() || Reach::of(machine).is_none() {
            return None;
        }
        let turn = self.first_look.max(now);
        self.first_look = turn + FIRST_LOOKS;
        Some(turn)
    }

    fn ended(&mut self, ended: Result<(Id, Left), JoinError>) {
        self.shell.metrics.ended();
        let (id, (memory, next)) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                let machine = self.names.get(&error.id()).cloned().unwrap_or_else(|| "?".into());
                error!(%machine, "a step panicked: the Machine is left alone for a while");
                (error.id(), (None, Some(Instant::now() + SHOCK)))
            }
        };
        let Some(name) = self.names.remove(&id) else { return };
        if let Some(memory) = memory {
            self.memories.insert(name.clone(), memory);
        }
        self.queue.finished(&name, next);
    }
}

/// One step of a Machine, or its last.
async fn take_step(
    shell: Arc<Shell>,
    name: Arc<str>,
    machine: Option<Arc<Machine>>,
    memory: Option<Memory>,
    fresh: Option<Memory>,
) -> Left {
    let Some(machine) = machine else {
        if let Some(memory) = memory {
            shell.retire(&name, memory).await;
        }
        return (None, None);
    };
    let is_same =
        |memory: &Memory| memory.machine.as_ref().is_none_or(|before| before.metadata.uid == machine.metadata.uid);
    let mut memory = match memory {
        Some(memory) if is_same(&memory) => memory,
        Some(other) => {
            // Deleted and made again under its name: what was begun for the first is not the second's.
            shell.retire(&name, other).await;
            Memory::default()
        }
        None => fresh.unwrap_or_default(),
    };
    let next = shell.step(&name, machine, &mut memory).await;
    (Some(memory), next)
}

async fn sleep_until(due: Option<Instant>) {
    if let Some(due) = due {
        tokio::time::sleep_until(due.into()).await;
    }
}
