//! `--wait`: follows operations to their end, telling on standard error what happens.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use jiff::Timestamp;
use kube::Api;
use metalman_core::{api::Machine, lifecycle::advice::standing};

use super::{
    changes,
    choice::Choice,
    follow::{Sight, Sights},
    note,
    progress::{Progress, Target},
    table,
};
use crate::{cli::WaitFor, config::format_go_duration, exit::Unfinished};

/// An operation that was asked for, and its Machine as it was seen last.
#[derive(Debug, Clone)]
pub(super) struct Awaited {
    pub(super) target: Target,
    pub(super) machine: Machine,
}

/// What to wait for, and how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    pub(super) until: WaitFor,
    pub(super) timeout: Option<Duration>,
}

/// Why waiting ended.
enum End {
    All,
    Timeout,
    Interrupted,
}

/// Waits for all; `done` hears of each that is. An error tells which are not, and why.
pub(super) async fn wait(
    api: Api<Machine>,
    awaited: &mut BTreeMap<String, Awaited>,
    patience: Patience,
    mut done: impl FnMut(&Awaited) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let choice = Choice::new(awaited.keys().cloned().collect(), None, &[])?;
    let mut sights = Sights::of(api, choice);
    let mut open: Vec<String> = awaited.keys().cloned().collect();
    let mut failures: Vec<String> = Vec::new();
    let mut broken = false;
    let work = async {
        while !open.is_empty() {
            let (name, progress) = match sights.next().await {
                Some(Sight::Is(machine)) => {
                    broken = false;
                    let Some(known) =
                        awaited.get_mut(machine.name()).filter(|_| open.iter().any(|n| n == machine.name()))
                    else {
                        continue;
                    };
                    (machine.name().to_owned(), advance(known, *machine, patience.until))
                }
                Some(Sight::Gone(name)) => (name, Progress::Failed("it was deleted".to_owned())),
                Some(Sight::Broken(why)) => {
                    if !broken {
                        note(&format!("the API server does not answer, trying again: {why}"));
                    }
                    broken = true;
                    continue;
                }
                None => anyhow::bail!("the machines are no longer followed"),
            };
            match progress {
                Progress::Pending => continue,
                Progress::Done => done(&awaited[&name])?,
                Progress::Failed(why) if open.contains(&name) => failures.push(format!("machine {name}: {why}")),
                Progress::Failed(_) => {}
            }
            open.retain(|waiting| *waiting != name);
        }
        Ok(End::All)
    };
    let deadline = async {
        match patience.timeout {
            Some(timeout) => tokio::time::sleep(timeout).await,
            None => std::future::pending().await,
        }
    };
    let end = tokio::select! {
        end = work => end?,
        () = deadline => End::Timeout,
        _ = tokio::signal::ctrl_c() => End::Interrupted,
    };
    let waiting: Vec<&Awaited> = open.iter().filter_map(|name| awaited.get(name)).collect();
    outcome(&end, &failures, &waiting, patience)
}

/// Takes the Machine as it is now, and tells what changed.
fn advance(known: &mut Awaited, machine: Machine, until: WaitFor) -> Progress {
    for line in changes::changes(&known.machine, &machine, Timestamp::now()) {
        note(&line.to_string());
    }
    let progress = known.target.progress(&machine, until);
    known.machine = machine;
    progress
}

/// The end in words: what failed goes before what is merely late.
fn outcome(end: &End, failures: &[String], waiting: &[&Awaited], patience: Patience) -> anyhow::Result<()> {
    if !failures.is_empty() {
        let late = waiting.iter().map(|awaited| format!("machine {}: not done yet", awaited.machine.name()));
        let all: Vec<String> = failures.iter().cloned().chain(late).collect();
        anyhow::bail!("{}; see kubectl metalman machine status", all.join("; "));
    }
    let now = Timestamp::now();
    let names: Vec<&str> = waiting.iter().map(|awaited| awaited.machine.name()).collect();
    let follow = format!("it goes on; follow it with: kubectl metalman machine watch {}", names.join(" "));
    let states: Vec<String> = waiting.iter().map(|awaited| state(awaited, now)).collect();
    let states = states.join("; ");
    match end {
        End::All => Ok(()),
        End::Timeout => {
            let timeout = format_go_duration(patience.timeout.unwrap_or_default());
            Err(Unfinished::Timeout(format!("not done within {timeout}: {states}; {follow}")).into())
        }
        End::Interrupted => Err(Unfinished::Interrupted(format!("interrupted: {states}; {follow}")).into()),
    }
}

/// Where a Machine stands.
fn state(awaited: &Awaited, now: Timestamp) -> String {
    let machine = &awaited.machine;
    let mut text = format!("machine {}: {}", machine.name(), awaited.target.operation.as_str());
    if let Some(standing) = standing(machine, now) {
        let _ = write!(text, " at {} for {}", standing.step, table::spoken(standing.waited));
    }
    match machine.status.as_ref().and_then(|status| status.message.as_deref()).filter(|message| !message.is_empty()) {
        Some(message) => text + " (" + message + ")",
        None => text,
    }
}
