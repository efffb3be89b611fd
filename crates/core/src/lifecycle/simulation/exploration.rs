//! Every way that a small world can go: a few seconds stand for minutes, so many things go wrong, at every moment and in every
//! way. Breadth first; states are told apart by all that anybody's next act depends on, with times as ages.

use super::invariants::{cycle_reason, is_pending, ours};
use super::{Bmc, Faults, Occasion, World, at};
use crate::api::{MachineStatus, Phase};
use crate::lifecycle::decision::Policy;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::json;
use std::collections::{BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// Older than this is the same as this: no wait of the small world is longer.
const AGED: i64 = 20;
/// States after which an exploration ends, closed or not.
const MOST: usize = 400_000;

/// Something that happens between two rounds of the shell, or in one.
#[derive(Clone, Copy, Debug)]
enum Move {
    Fault(Occasion, u8),
    HandOver,
    Lowered,
}

fn moves() -> Vec<Move> {
    let occasions = [Occasion::Look, Occasion::Write, Occasion::Effect];
    let faults = occasions.into_iter().flat_map(|when| (0..when.kinds()).map(move |kind| Move::Fault(when, kind)));
    faults.chain([Move::HandOver, Move::Lowered]).collect()
}

fn small_world(repave: bool) -> World {
    let counters = json!({
        "rebootCounter": 1, "repaveCounter": i64::from(repave), "repaveTimeoutSeconds": 15, "maxAttempts": 2,
    });
    let mut world = World::new(&counters, vec![]);
    let seconds = Duration::from_secs;
    world.policy = Policy {
        power_confirmation: seconds(8),
        power_again: seconds(3),
        settled: seconds(2),
        look: seconds(1),
        idle_look: seconds(4),
        ..Policy::default()
    };
    world.bmc.lasting = (1, 1, 5);
    world.host.pace = 10;
    world.witness.is_quick = true;
    world.faults = Faults::Chosen(None);
    world
}

/// One second at most, with that move in it. None where the move found no occasion.
fn after(world: &World, chosen: Option<Move>) -> Option<World> {
    let mut next = world.clone();
    next.witness.effects.clear();
    match chosen {
        Some(Move::Fault(occasion, kind)) => next.faults = Faults::Chosen(Some((occasion, kind))),
        Some(Move::HandOver) => next.hand_over(),
        Some(Move::Lowered) => next.raise(0, 0),
        None => {}
    }
    next.step(1);
    // A new message alone is no new state.
    while next.now == world.now && key(&next, 0) == key(world, 0) {
        next.step(1);
    }
    match std::mem::replace(&mut next.faults, Faults::Chosen(None)) {
        Faults::Chosen(Some(_)) => None,
        _ => Some(next),
    }
}

/// All that what follows depends on.
fn key(world: &World, faults: usize) -> u64 {
    let age = |time: Timestamp| time.duration_since(at(world.now)).as_secs().max(-AGED);
    let ago = |second: i64| (second - world.now).max(-AGED);
    let bmc = &world.bmc;
    let changes = bmc.changes.map(|(when, on)| (ago(when), on));
    let simulated = (
        bmc.on,
        changes,
        &bmc.boot_override,
        ago(bmc.lies_until),
        bmc.lie,
        bmc.told_truth,
        ago(bmc.away_until),
        bmc.wronged,
    );
    let mut host = world.host.clone();
    (host.since, host.joined_at) = (host.since.map(ago), host.joined_at.map(ago));
    (host.installations, host.power_cuts) = (host.installations.min(1), 0);
    let observed = match &world.observed {
        Bmc::Observed(system) => {
            let mut system = system.clone();
            let (seen, steady) = (age(system.at), age(system.steady_since));
            (system.at, system.steady_since) = (at(0), at(0));
            format!("{system:?} {seen} {steady}")
        }
        other => format!("{other:?}"),
    };
    let last =
        world.last.as_ref().map(|last| (age(last.at), format!("{:?} {:?}", last.effect, last.outcome), last.times));
    let steady = world.steady.as_ref().map(|(power, since)| (power, age(*since)));
    let spec = world.machine.wanted_counters();
    let status = world.machine.status.clone().unwrap_or_default();
    let announced = world.witness.has_announced_on(&status);
    let aged = aged(status, world.now);
    let mut hasher = DefaultHasher::new();
    format!(
        "{simulated:?} {host:?} {observed} {last:?} {steady:?} {spec:?} {aged:?} {announced} {} {faults}",
        world.look
    )
    .hash(&mut hasher);
    hasher.finish()
}

/// The status with ages for times, and without the words that only people read.
fn aged(mut status: MachineStatus, now: i64) -> MachineStatus {
    let age = |time: &mut Option<Time>| {
        if let Some(time) = time {
            time.0 = at(time.0.duration_since(at(now)).as_secs().max(-AGED));
        }
    };
    status.message = None;
    for condition in &mut status.conditions {
        age(&mut condition.last_transition_time);
        condition.observed_generation = None;
    }
    for step in status.boot.iter_mut().flat_map(|boot| &mut boot.steps) {
        age(&mut step.time);
    }
    status
}

#[derive(Debug, Default)]
struct Explored {
    states: usize,
    transitions: usize,
    rests: usize,
    closed: bool,
}

fn explore(first: World, faults: usize) -> Explored {
    let mut explored = Explored { closed: true, ..Explored::default() };
    let mut seen = BTreeSet::from([key(&first, faults)]);
    let mut rested = BTreeSet::new();
    let mut queue = VecDeque::from([(first, faults)]);
    while let Some((world, left)) = queue.pop_front() {
        explored.states += 1;
        if left == 0 {
            // From here on nothing goes wrong: the one way that it goes must come to rest.
            comes_to_rest(world, &mut rested, &mut explored);
            continue;
        }
        let chosen = moves().into_iter().map(Some).chain([None]);
        for (next, left) in
            chosen.filter_map(|chosen| Some((after(&world, chosen)?, left - usize::from(chosen.is_some()))))
        {
            explored.transitions += 1;
            if seen.insert(key(&next, left)) {
                if seen.len() + rested.len() > MOST {
                    explored.closed = false;
                    continue;
                }
                queue.push_back((next, left));
            }
        }
    }
    explored.states += rested.len();
    explored
}

/// Follows the one way until it meets one that was followed, or itself: there it must be at rest.
fn comes_to_rest(mut world: World, rested: &mut BTreeSet<u64>, explored: &mut Explored) {
    let mut path = Vec::new();
    loop {
        let here = key(&world, 0);
        if rested.contains(&here) {
            break;
        }
        if let Some(place) = path.iter().position(|(key, _)| *key == here) {
            explored.rests += 1;
            let acts: usize = path[place..].iter().map(|(_, acts)| acts).sum();
            at_rest(&world, acts);
            break;
        }
        let next = after(&world, None).expect("nothing was chosen");
        explored.transitions += 1;
        path.push((here, next.witness.effects.len()));
        assert!(path.len() < 2_000, "it does not come to rest");
        world = next;
    }
    rested.extend(path.into_iter().map(|(key, _)| key));
}

fn at_rest(world: &World, acts: usize) {
    let status = world.machine.status.as_ref().unwrap();
    assert_eq!(acts, 0, "the same again and again: {status:#?}");
    assert_eq!(cycle_reason(status), None, "a cycle without an end: {status:#?}");
    let given_up = status.phase == Some(Phase::Failed);
    assert!(given_up || !is_pending(&world.machine, status), "neither done nor given up: {status:#?}");
    assert!(given_up || world.bmc.on, "left without power: {status:#?}");
    assert_eq!(ours(status), None, "an override of ours is still on record");
    assert_eq!(world.bmc.boot_override, None, "an override is left behind");
}

#[test]
#[allow(clippy::print_stdout, reason = "how much was explored is the result")]
fn every_way_that_a_small_world_can_go_comes_to_rest() {
    for (what, repave, faults) in [("reboot", false, 1), ("repave", true, 1), ("reboot", false, 2), ("repave", true, 2)]
    {
        let Explored { states, transitions, rests, closed } = explore(small_world(repave), faults);
        println!(
            "lifecycle: {what} with up to {faults} faults: {states} states, {transitions} transitions, {rests} ends, \
             explored {}",
            if closed { "completely" } else { "in part" }
        );
        assert!(rests > 0 && states > 100);
        assert!(closed || faults > 1, "one fault is to be explored completely");
    }
}
