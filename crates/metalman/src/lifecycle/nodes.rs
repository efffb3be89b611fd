//! The cluster's Nodes, as far as the life of Machines is concerned.
//!
//! Invariants: of a Node only its [`NodeView`] is kept; a Machine is woken when something about its Node changed that a
//! decision can depend on, and a heartbeat alone is told apart from that, as thousands of Nodes have one all the time.

mod object;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use metalman_core::{api::Machine, lifecycle::NodeView};
use tokio::sync::watch;

pub(crate) use self::object::NodeObject;
use crate::{inventory::Changed, watch::Change};

/// The Nodes, shared.
#[derive(Debug)]
pub struct Nodes {
    index: Mutex<Index>,
    synced: watch::Sender<bool>,
    /// Machines about whose Node something changed.
    changed: Changed,
    /// Machines whose Node only showed that it lives.
    alive: Changed,
}

#[derive(Debug, Default)]
struct Index {
    nodes: HashMap<Arc<str>, Entry>,
    /// By label `unbounded-cloud.io/machine`.
    labelled: HashMap<Arc<str>, BTreeSet<Arc<str>>>,
    /// Which Machines are to become the Node of that name.
    awaited: HashMap<Arc<str>, BTreeSet<Arc<str>>>,
    /// The reverse.
    awaiting: HashMap<Arc<str>, Arc<str>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    machine: Option<Arc<str>>,
    view: NodeView,
}

/// How much changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Difference {
    None,
    Heartbeat,
    More,
}

impl Entry {
    fn difference(&self, new: &Self) -> Difference {
        if self == new {
            return Difference::None;
        }
        let (old, beat) = (&self.view, new.view.heartbeat);
        // The first heartbeat makes a Node of what was only an object.
        let same = old.heartbeat.is_some() == beat.is_some()
            && self.machine == new.machine
            && NodeView { heartbeat: beat, ..old.clone() } == new.view;
        if same { Difference::Heartbeat } else { Difference::More }
    }
}

impl Index {
    /// Puts a Node in, or takes it out; whom that concerns, and how much.
    fn set(&mut self, name: &Arc<str>, new: Option<Entry>) -> (BTreeSet<Arc<str>>, Difference) {
        let old = self.nodes.get(name);
        let difference = match (old, &new) {
            (None, None) => Difference::None,
            (Some(old), Some(new)) => old.difference(new),
            _ => Difference::More,
        };
        if difference == Difference::None {
            return (BTreeSet::new(), difference);
        }
        let labels = [old.and_then(|old| old.machine.clone()), new.as_ref().and_then(|new| new.machine.clone())];
        let mut concerned: BTreeSet<Arc<str>> = labels.iter().flatten().cloned().collect();
        concerned.extend(self.awaited.get(name).into_iter().flatten().cloned());
        let [before, after] = labels;
        if before != after {
            if let Some(machine) = before {
                leave(&mut self.labelled, &machine, name);
            }
            if let Some(machine) = after {
                self.labelled.entry(machine).or_default().insert(name.clone());
            }
        }
        match new {
            Some(new) => self.nodes.insert(name.clone(), new),
            None => self.nodes.remove(name),
        };
        (concerned, difference)
    }

    fn find(&self, machine: &str, node: &str) -> Option<&NodeView> {
        // The Node of the Machine's own choice, unless it says that it is another Machine's.
        let chosen = self.nodes.get(node).filter(|entry| entry.machine.as_deref().is_none_or(|owner| owner == machine));
        let labelled = || {
            let names = self.labelled.get(machine)?;
            // Several: an old one may linger after the Machine was given another name.
            names.iter().filter_map(|name| self.nodes.get(name)).max_by_key(|entry| entry.view.created)
        };
        chosen.or_else(labelled).map(|entry| &entry.view)
    }
}

impl Default for Nodes {
    fn default() -> Self {
        Self {
            index: Mutex::default(),
            synced: watch::Sender::new(false),
            changed: Changed::default(),
            alive: Changed::default(),
        }
    }
}

impl Nodes {
    /// Takes in what the watch brought.
    pub(crate) fn take(&self, change: Change<NodeObject>) {
        let (mut changed, mut alive) = (BTreeSet::new(), BTreeSet::new());
        let mut index = self.lock();
        let mut set = |index: &mut Index, name: &Arc<str>, new| match index.set(name, new) {
            (_, Difference::None) => {}
            (concerned, Difference::Heartbeat) => alive.extend(concerned),
            (concerned, Difference::More) => changed.extend(concerned),
        };
        match change {
            Change::Apply(node) => {
                let entry = entry(node);
                set(&mut index, &entry.view.name.as_str().into(), Some(entry));
            }
            Change::Delete(node) => set(&mut index, &node.name().into(), None),
            Change::Replace(nodes) => {
                let mut gone: BTreeSet<Arc<str>> = index.nodes.keys().cloned().collect();
                for node in nodes {
                    let entry = entry(node);
                    let name: Arc<str> = entry.view.name.as_str().into();
                    gone.remove(&name);
                    set(&mut index, &name, Some(entry));
                }
                for name in gone {
                    set(&mut index, &name, None);
                }
            }
        }
        drop(index);
        self.synced.send_replace(true);
        self.changed.mark(changed);
        self.alive.mark(alive);
    }

    /// The Node of a Machine: the one that it names, else one that is labelled as its own. From now on the Machine hears of
    /// changes to a Node of the name that it waits for.
    pub(super) fn of(&self, machine: &Machine) -> Option<NodeView> {
        let mut index = self.lock();
        let (name, node) = (machine.name(), machine.node_name());
        if index.awaiting.get(name).is_none_or(|awaited| **awaited != *node) {
            let (name, node): (Arc<str>, Arc<str>) = (name.into(), node.into());
            if let Some(before) = index.awaiting.insert(name.clone(), node.clone()) {
                leave(&mut index.awaited, &before, &name);
            }
            index.awaited.entry(node).or_default().insert(name);
        }
        index.find(name, node).cloned()
    }

    /// The Machine is gone.
    pub(super) fn forget(&self, machine: &str) {
        let mut index = self.lock();
        if let Some((machine, node)) = index.awaiting.remove_entry(machine) {
            leave(&mut index.awaited, &node, &machine);
        }
    }

    /// Waits until all Nodes are known: before that, every Machine would look like one without.
    pub(super) async fn synced(&self) {
        // The sender lives in self: the wait cannot fail.
        let _ = self.synced.subscribe().wait_for(|synced| *synced).await;
    }

    /// The Machines about whose Node something changed. For one taker.
    pub(super) async fn changed(&self) -> BTreeSet<Arc<str>> {
        self.changed.take().await
    }

    /// The Machines whose Node only showed that it lives. For one taker.
    pub(super) async fn alive(&self) -> BTreeSet<Arc<str>> {
        self.alive.take().await
    }

    fn lock(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn entry(node: NodeObject) -> Entry {
    Entry { machine: node.machine().map(Into::into), view: node.into_view() }
}

fn leave(index: &mut HashMap<Arc<str>, BTreeSet<Arc<str>>>, key: &Arc<str>, member: &Arc<str>) {
    if let Some(members) = index.get_mut(key) {
        members.remove(member);
        if members.is_empty() {
            index.remove(key);
        }
    }
}

#[cfg(test)]
mod tests;
