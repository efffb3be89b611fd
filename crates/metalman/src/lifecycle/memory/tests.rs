use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use metalman_core::{
    api::{Machine, MachineStatus},
    lifecycle::{
        Bmc, Decision, Effect, Outcome,
        bmc::{PowerAction, Unreachable},
    },
};
use serde_json::json;

use super::{Memory, WINDOW, WRITES};
use crate::lifecycle::access::Reach;

fn machine(device: &str, wanted: i64) -> Arc<Machine> {
    let machine = json!({
        "apiVersion": "unbounded-cloud.io/v1alpha3", "kind": "Machine", "metadata": { "name": "a", "uid": "u1" },
        "spec": {
            "pxe": { "image": "i:1", "dhcpLeases": [], "redfish": { "url": "https://b", "deviceID": device } },
            "operations": { "rebootCounter": wanted },
        },
    });
    Arc::new(serde_json::from_value(machine).expect("a Machine"))
}

fn decision(again: Option<Duration>, look: bool) -> Decision {
    let status = MachineStatus::default();
    Decision { status, effect: None, again, look, why: String::new(), told: Vec::new() }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn the_first_look_at_an_idle_bmc_waits_for_its_turn() {
    let now = Instant::now();
    let turn = now + 100 * SECOND;
    for (wanted, expected) in [(0, turn), (1, now)] {
        let machine = machine("1", wanted);
        let mut memory = Memory::new(Some(turn));
        memory.aim(Reach::of(&machine));
        assert_eq!(memory.bmc, Bmc::Unknown);
        assert_eq!(memory.plan(&machine, &decision(None, true), now), Some(expected), "wanted: {wanted}");
        assert_eq!(memory.is_look_due(now), wanted == 1);
        assert!(memory.is_look_due(turn));
    }
}

#[test]
fn being_asked_again_puts_no_look_off() {
    let (now, machine) = (Instant::now(), machine("1", 0));
    let mut memory = Memory::default();
    memory.aim(Reach::of(&machine));
    let first = memory.plan(&machine, &decision(Some(300 * SECOND), true), now).expect("a time");
    assert!((now + 269 * SECOND..=now + 300 * SECOND).contains(&first), "spread");
    let later = now + 200 * SECOND;
    assert_eq!(memory.plan(&machine, &decision(Some(300 * SECOND), true), later), Some(first));
    assert_eq!(memory.plan(&machine, &decision(Some(2 * SECOND), true), later), Some(later + 2 * SECOND));
    // No look: only the decision's own time.
    assert_eq!(memory.plan(&machine, &decision(Some(9 * SECOND), false), later), Some(later + 9 * SECOND));
    assert!(!memory.is_look_due(later + 100 * SECOND));
}

#[test]
fn what_another_system_showed_is_forgotten() {
    let mut memory = Memory::default();
    memory.aim(Reach::of(&machine("1", 0)));
    memory.looked(Bmc::Unreachable(Unreachable { reason: "TCPError", message: String::new() }));
    memory.carried(Effect::Power(PowerAction::On), Outcome::Done, Timestamp::now());
    memory.aim(Reach::of(&machine("1", 5)));
    assert!(memory.last.is_some() && memory.bmc != Bmc::Unknown, "the same system");
    memory.aim(Reach::of(&machine("2", 0)));
    assert!(memory.last.is_none() && memory.bmc == Bmc::Unknown);
    memory.aim(None);
    assert_eq!(memory.bmc, Bmc::None);
}

#[test]
fn outcomes_in_a_row_are_counted() {
    let mut memory = Memory::default();
    let lost = |message: &str| Outcome::Lost { message: message.to_owned() };
    let mut times = |action, outcome| {
        memory.carried(Effect::Power(action), outcome, Timestamp::now());
        memory.last.as_ref().map(|last| last.times)
    };
    assert_eq!(times(PowerAction::ForceOff, lost("timeout")), Some(1));
    assert_eq!(times(PowerAction::ForceOff, lost("another")), Some(2), "in other words");
    assert_eq!(times(PowerAction::ForceOff, Outcome::Done), Some(1));
    assert_eq!(times(PowerAction::On, Outcome::Done), Some(1));
}

#[test]
fn until_the_watch_catches_up_what_was_written_counts() {
    let (cached, written, brought) = (machine("1", 0), machine("1", 0), machine("1", 0));
    let mut memory = Memory::default();
    assert!(Arc::ptr_eq(&memory.newer(cached.clone()), &cached));
    memory.wrote(&cached, written.clone(), Instant::now());
    assert!(Arc::ptr_eq(&memory.newer(cached), &written));
    assert!(Arc::ptr_eq(&memory.newer(brought.clone()), &brought));
}

#[test]
fn writes_are_bounded() {
    let (now, machine) = (Instant::now(), machine("1", 0));
    let mut memory = Memory::default();
    for _ in 0..WRITES {
        assert_eq!(memory.writes_resume(now), None);
        memory.wrote(&machine, machine.clone(), now);
    }
    assert_eq!(memory.writes_resume(now), Some(now + WINDOW));
    assert_eq!(memory.writes_resume(now + WINDOW), None);
    memory.wrote(&machine, machine.clone(), now + WINDOW);
    assert_eq!(memory.writes_resume(now + WINDOW), None, "a new window");
}
