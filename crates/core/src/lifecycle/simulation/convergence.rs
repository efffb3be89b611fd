//! From any start, through any bounded sequence of faults and changes of mind, a Machine comes to rest: done or given up, on,
//! and with nothing left behind.

use super::invariants::{cycle_reason, is_pending, ours};
use super::machine::Host;
use super::{World, image_is};
use crate::api::Phase;
use crate::lifecycle::decision::Effect;
use proptest::prelude::*;
use serde_json::json;
use std::time::Duration;

/// What people and others do meanwhile.
#[derive(Clone, Debug)]
enum Change {
    RaiseReboot,
    RaiseBoth,
    Lower,
    ImageGone,
    ImageBack,
    HandOver,
    /// A person overrides the next boot while nothing is pending.
    Override(&'static str),
    InstallerHangs,
    RedfishRemoved,
    RedfishBack,
    ProviderCame,
    ProviderLeft,
    BootHistoryLost,
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => Just(Change::RaiseReboot),
        3 => Just(Change::RaiseBoth),
        2 => Just(Change::Lower),
        1 => Just(Change::ImageGone),
        2 => Just(Change::ImageBack),
        4 => Just(Change::HandOver),
        2 => Just(Change::Override("Hdd")),
        2 => Just(Change::Override("Pxe")),
        2 => Just(Change::InstallerHangs),
        1 => Just(Change::RedfishRemoved),
        1 => Just(Change::RedfishBack),
        1 => Just(Change::ProviderCame),
        1 => Just(Change::ProviderLeft),
        1 => Just(Change::BootHistoryLost),
    ]
}

fn apply(world: &mut World, change: &Change) {
    let next = world.machine.next_counters();
    let asked = world.machine.wanted_counters();
    match change {
        Change::RaiseReboot => world.raise(next.reboot, asked.repave),
        Change::RaiseBoth => world.raise(next.reboot, next.repave),
        Change::Lower => world.raise(0, 0),
        Change::ImageGone => image_is(&mut world.machine, false),
        Change::ImageBack => image_is(&mut world.machine, true),
        Change::HandOver => world.hand_over(),
        Change::Override(target) => {
            let status = world.machine.status.clone().unwrap_or_default();
            if !is_pending(&world.machine, &status) && ours(&status).is_none() && world.bmc.boot_override.is_none() {
                world.bmc.boot_override = Some(((*target).to_owned(), true));
            }
        }
        Change::InstallerHangs => world.host.hangs += 1,
        Change::RedfishRemoved => redfish(world, false),
        Change::RedfishBack => redfish(world, true),
        Change::ProviderCame => provider(world, true),
        Change::ProviderLeft => provider(world, false),
        Change::BootHistoryLost => world.machine.status.get_or_insert_default().boot = None,
    }
}

fn redfish(world: &mut World, there: bool) {
    let pxe = world.machine.spec.pxe.as_mut().unwrap();
    if pxe.redfish.is_some() != there {
        pxe.redfish = there.then(Default::default);
        world.respec();
        world.hand_over();
    }
}

fn provider(world: &mut World, there: bool) {
    if world.machine.provider().is_some() != there {
        let annotations = [("unbounded-cloud.io/provider".to_owned(), "cloud".to_owned())];
        world.machine.metadata.annotations = there.then(|| annotations.into());
        world.hand_over();
    }
}

#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own about a simulated thing")]
struct Life {
    script: Vec<u8>,
    changes: Vec<(i64, Change)>,
    graceful: i64,
    drain: bool,
    supports_override: bool,
    network_first: bool,
    in_service: bool,
}

fn life() -> impl Strategy<Value = Life> {
    let changes = prop::collection::vec((0..900_i64, change()), 1..8);
    let script = prop::collection::vec(any::<u8>(), 0..150);
    (script, changes, prop_oneof![Just(0_i64), Just(40)], any::<[bool; 4]>()).prop_map(
        |(script, changes, graceful, flags)| {
            let [drain, supports_override, network_first, in_service] = flags;
            Life { script, changes, graceful, drain, supports_override, network_first, in_service }
        },
    )
}

fn begin(life: &Life) -> World {
    let operations = json!({
        "rebootCounter": 1, "repaveTimeoutSeconds": 600, "maxAttempts": 2, "gracefulShutdownSeconds": life.graceful,
    });
    let mut world = World::new(&operations, life.script.clone());
    world.policy.drain = life.drain.then(|| Duration::from_mins(5));
    if life.in_service {
        world.host = Host::in_service();
    }
    world.bmc.supports_override = life.supports_override;
    world.host.network_first = life.network_first;
    world
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_life_comes_to_rest(life in life()) {
        let mut world = begin(&life);
        for (seconds, change) in &life.changes {
            world.run(*seconds);
            apply(&mut world, change);
        }
        // In the end, all is as it should be, and stays so for as long as everything may take.
        redfish(&mut world, true);
        provider(&mut world, false);
        image_is(&mut world.machine, true);
        world.run(20_000);

        let status = world.machine.status.clone().unwrap();
        prop_assert_eq!(cycle_reason(&status), None, "a cycle without an end: {:#?}", status);
        let given_up = status.phase == Some(Phase::Failed);
        prop_assert!(given_up || !is_pending(&world.machine, &status), "neither done nor given up: {:#?}", status);
        let left_alone = life.changes.iter().any(|(_, change)| {
            // That the operating system was told to shut down stands in the timeline alone.
            let lost = life.graceful > 0 && matches!(change, Change::BootHistoryLost);
            lost || matches!(change, Change::RedfishRemoved | Change::ProviderCame)
        });
        prop_assert!(given_up || left_alone || world.bmc.on, "left without power: {:#?}", status);
        prop_assert_eq!(ours(&status), None, "an override of ours is still on record");
        prop_assert!(world.bmc.boot_override.as_ref().is_none_or(|(_, persons)| *persons), "an override is left behind");
        prop_assert!(!world.bmc.wronged, "an override of a person's was cleared");

        // And then there is nothing more to do, nor to write but what time alone changes.
        let (effects, before) = (world.witness.effects.len(), world.witness.effects.clone());
        world.run(5_000);
        prop_assert_eq!(world.witness.effects.len(), effects, "{:?}", before);
        prop_assert_eq!(world.machine.status.unwrap().conditions, status.conditions);
    }

    /// Attempts are bounded: so is what a BMC that never does what it is told can cost.
    #[test]
    fn a_bmc_that_ignores_everything_is_given_up(graceful in prop_oneof![Just(0_i64), Just(40)], repave in any::<bool>()) {
        let operations = json!({
            "rebootCounter": 1, "repaveCounter": i64::from(repave), "maxAttempts": 3, "gracefulShutdownSeconds": graceful,
        });
        let mut world = World::new(&operations, vec![]);
        world.bmc.lasting.0 = 1_000_000;
        world.bmc.answers_graceful = false;
        world.run(20_000);
        let status = world.machine.status.clone().unwrap();
        prop_assert_eq!(status.phase, Some(Phase::Failed));
        prop_assert_eq!(cycle_reason(&status), None);
        let message = status.message.unwrap();
        prop_assert!(message.contains("attempt 3 of 3") && message.contains("power state On"), "{}", message);
        let sent = world.witness.effects.iter().filter(|(_, effect)| matches!(effect, Effect::Power(_))).count();
        prop_assert!(sent <= 3 * 12 + 12, "{} commands", sent);
    }
}

/// A BMC that is away for hours costs no attempt, and is told of.
#[test]
fn an_unreachable_bmc_burns_no_attempts() {
    let mut world = World::new(&json!({"rebootCounter": 1}), vec![]);
    world.bmc.away_until = 20_000;
    world.run(19_000);
    let status = world.machine.status.clone().unwrap();
    assert_eq!(status.operations.unwrap().attempts, Some(1));
    let message = status.message.unwrap();
    assert!(
        message.starts_with("waiting for its BMC since ") && message.ends_with(": connection refused"),
        "{message}"
    );
    // One look in two minutes, beside those while the pauses still doubled.
    assert!(world.witness.decisions < 220, "{} decisions", world.witness.decisions);
    world.run(2_000);
    assert_eq!(world.machine.done_counters().reboot, 1);
}
