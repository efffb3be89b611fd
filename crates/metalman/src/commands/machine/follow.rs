//! Machines as they change: the follower that the controller uses, read from a channel.

use std::{collections::HashSet, sync::Arc};

use kube::Api;
use metalman_core::api::Machine;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::choice::Choice;
use crate::{
    metrics::Metrics,
    watch::{Change, Follower},
};

/// What was seen.
#[derive(Debug)]
pub(super) enum Sight {
    /// A Machine is, or is now, so.
    Is(Box<Machine>),
    /// There is no Machine of that name any more.
    Gone(String),
    /// The API server cannot be followed right now; it is tried again.
    Broken(String),
}

/// Machines that are followed until this is dropped.
pub(super) struct Sights {
    receiver: mpsc::UnboundedReceiver<Sight>,
    _stop: DropGuard,
}

impl Sights {
    /// Follows the chosen Machines. Each is seen at least once, and no change after that is missed for long.
    pub(super) fn of(api: Api<Machine>, choice: Choice) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let follower = Follower::new(api, choice.selection(), "machines", Arc::new(Metrics::new()));
        let broken = sender.clone();
        let mut known = HashSet::new();
        let sink = move |change: Change<Machine>| {
            for sight in sights(change, &choice, &mut known) {
                // Nobody listens any more: the command is ending.
                let _ = sender.send(sight);
            }
        };
        let failed = move |why: &str| {
            let _ = broken.send(Sight::Broken(why.to_owned()));
        };
        let task = follower.run(stop.clone(), sink, failed);
        tokio::spawn(task);
        Self { receiver, _stop: stop.drop_guard() }
    }

    /// The next; none when the follower ended, which it does not by itself.
    pub(super) async fn next(&mut self) -> Option<Sight> {
        self.receiver.recv().await
    }
}

/// What a change means to who has seen the `known` Machines.
fn sights(change: Change<Machine>, choice: &Choice, known: &mut HashSet<String>) -> Vec<Sight> {
    match change {
        Change::Replace(all) => {
            let all: Vec<Machine> = all.into_iter().filter(|machine| choice.covers(machine.name())).collect();
            let names: HashSet<String> = all.iter().map(|machine| machine.name().to_owned()).collect();
            let mut gone: Vec<String> = known.difference(&names).cloned().collect();
            gone.sort();
            *known = names;
            gone.into_iter()
                .map(Sight::Gone)
                .chain(all.into_iter().map(|machine| Sight::Is(Box::new(machine))))
                .collect()
        }
        Change::Apply(machine) if choice.covers(machine.name()) => {
            known.insert(machine.name().to_owned());
            vec![Sight::Is(Box::new(machine))]
        }
        Change::Delete(machine) if known.remove(machine.name()) => vec![Sight::Gone(machine.name().to_owned())],
        Change::Apply(_) | Change::Delete(_) => Vec::new(),
    }
}
