//! Lives in which nothing, or one thing, goes wrong: what exactly is written and sent.

use super::invariants::{cycle_reason, ours};
use super::machine::Host;
use super::{World, image_is};
use crate::api::conditions::REPAVED;
use crate::api::{MachineStatus, Phase};
use crate::lifecycle::bmc::{BootTarget, PowerAction};
use crate::lifecycle::decision::Effect;
use crate::lifecycle::timeline::Step;
use serde_json::json;
use std::time::Duration;

const FORCE_OFF: Effect = Effect::Power(PowerAction::ForceOff);
const ON: Effect = Effect::Power(PowerAction::On);

fn effects(world: &World) -> Vec<Effect> {
    world.witness.effects.iter().map(|(_, effect)| effect.clone()).collect()
}

fn status(world: &World) -> &MachineStatus {
    world.machine.status.as_ref().unwrap()
}

fn steps(world: &World) -> Vec<&str> {
    status(world).boot.iter().flat_map(|boot| &boot.steps).map(|step| step.name.as_str()).collect()
}

fn repaved(world: &World) -> Option<&str> {
    status(world).condition(REPAVED).map(|condition| condition.reason.as_str())
}

#[test]
fn nothing_asked_nothing_done() {
    let mut world = World::new(&json!({}), vec![]);
    world.run(10_000);
    assert_eq!(effects(&world), []);
    assert_eq!(status(&world).phase, Some(Phase::Pending));
    assert_eq!(status(&world).power.as_deref(), Some("On"));
}

#[test]
fn a_reboot_is_off_and_on_and_counted() {
    let mut world = World::new(&json!({"rebootCounter": 1}), vec![]);
    world.host = Host::in_service();
    world.run(60);
    assert_eq!(effects(&world), [FORCE_OFF, ON]);
    assert_eq!(status(&world).counters().reboot, 1);
    assert_eq!(cycle_reason(status(&world)), None);
    assert_eq!(status(&world).phase, Some(Phase::Joining), "its Node was not heard of since");
    world.run(200);
    assert_eq!(status(&world).phase, Some(Phase::Ready), "{:#?}", status(&world));
    assert_eq!(steps(&world), ["Asked", "PoweringOff", "PowerOff", "PoweringOn", "PowerOn", "Joined", "Ready"]);
    assert_eq!(effects(&world).len(), 2);
}

#[test]
fn a_repave_sets_the_override_while_off_and_ends_with_the_report() {
    let mut world = World::new(&json!({"rebootCounter": 1, "repaveCounter": 1}), vec![]);
    world.run(50);
    assert_eq!(effects(&world), [FORCE_OFF, Effect::SetBootOverride(BootTarget::Pxe), ON]);
    assert_eq!((repaved(&world), status(&world).phase), (Some("Pending"), Some(Phase::Provisioning)));
    world.run(40);
    assert_eq!((repaved(&world), status(&world).phase), (Some("Succeeded"), Some(Phase::Joining)));
    assert_eq!(ours(status(&world)), None, "the override was used up, and is forgotten");
    world.run(100);
    assert_eq!(status(&world).phase, Some(Phase::Ready));
    assert_eq!(
        steps(&world),
        [
            "Asked",
            "PoweringOff",
            "PowerOff",
            "BootOverride",
            "PoweringOn",
            "PowerOn",
            "DHCP",
            "Bootloader",
            "Kernel",
            "ImageWriting",
            "Installed",
            "Joined",
            "Ready"
        ]
    );
    assert_eq!(world.host.installations, 1);
}

#[test]
fn a_machine_that_is_off_already_is_only_switched_on() {
    let mut world = World::new(&json!({"rebootCounter": 1}), vec![]);
    (world.bmc.on, world.host.since) = (false, None);
    world.run(100);
    assert_eq!(effects(&world), [ON]);
    assert!(steps(&world).contains(&"PowerOff"));
    assert_eq!(status(&world).counters().reboot, 1);
}

#[test]
fn an_image_that_does_not_exist_takes_no_server_out_of_service() {
    let mut world = World::new(&json!({"rebootCounter": 1, "repaveCounter": 1}), vec![]);
    image_is(&mut world.machine, false);
    world.run(10_000);
    assert_eq!(effects(&world), []);
    assert_eq!(status(&world).phase, Some(Phase::Pending));
    assert_eq!(status(&world).message.as_deref(), Some("the repave waits for its netboot image: manifest unknown"));
    image_is(&mut world.machine, true);
    world.run(400);
    assert_eq!(status(&world).phase, Some(Phase::Ready));
}

#[test]
fn an_installer_that_hangs_is_tried_again_and_then_given_up() {
    let operations = json!({"rebootCounter": 1, "repaveCounter": 1, "repaveTimeoutSeconds": 600, "maxAttempts": 2});
    let mut world = World::new(&operations, vec![]);
    world.host.hangs = 1;
    world.run(1_000);
    assert_eq!((repaved(&world), world.host.power_cuts), (Some("Succeeded"), 2));
    assert_eq!(status(&world).counters().reboot, 1);

    let mut world = World::new(&operations, vec![]);
    world.host.hangs = 9;
    world.run(5_000);
    assert_eq!((repaved(&world), world.host.power_cuts), (Some("Exhausted"), 2));
    assert_eq!(status(&world).phase, Some(Phase::Failed));
    let message = status(&world).message.clone().unwrap();
    assert!(message.contains("attempt 2 of 2") && message.contains("Kernel"), "{message}");
    world.raise(2, 2);
    world.host.hangs = 0;
    world.run(1_000);
    assert_eq!((repaved(&world), status(&world).phase), (Some("Succeeded"), Some(Phase::Ready)));
}

#[test]
fn a_counter_that_is_lowered_starts_nothing_and_leaves_nothing_off() {
    for seconds in 0..40 {
        let mut world = World::new(&json!({"rebootCounter": 1, "repaveCounter": 1}), vec![]);
        world.run(seconds);
        world.raise(0, 0);
        world.run(4_000);
        assert!(world.bmc.on, "lowered after {seconds} s");
        assert_eq!(cycle_reason(status(&world)), None, "lowered after {seconds} s");
        assert_eq!(ours(status(&world)), None, "lowered after {seconds} s");
        assert!(world.host.power_cuts <= 1, "lowered after {seconds} s");
        let before = world.witness.effects.len();
        world.run(4_000);
        assert_eq!(world.witness.effects.len(), before, "lowered after {seconds} s");
    }
}

#[test]
fn graceful_shutdown_comes_first_and_ends_in_time() {
    let graceful = Effect::Power(PowerAction::GracefulShutdown);
    let operations = json!({"rebootCounter": 1, "gracefulShutdownSeconds": 120});
    let mut world = World::new(&operations, vec![]);
    world.run(100);
    assert_eq!(effects(&world), [graceful.clone(), ON], "it shut down by itself");
    let mut world = World::new(&operations, vec![]);
    world.bmc.answers_graceful = false;
    world.run(200);
    assert_eq!(effects(&world).first(), Some(&graceful));
    assert_eq!(effects(&world).iter().rev().take(2).collect::<Vec<_>>(), [&ON, &FORCE_OFF], "it did not");
    let cut = world.witness.effects.iter().find(|(_, effect)| *effect == FORCE_OFF).unwrap().0;
    assert!((130..=135).contains(&cut), "cut at {cut}");
}

#[test]
fn a_node_is_drained_before_and_let_back_in_afterwards() {
    let mut world = World::new(&json!({"rebootCounter": 1}), vec![]);
    world.host = Host::in_service();
    world.policy.drain = Some(Duration::from_mins(10));
    world.run(300);
    let drain = Effect::Drain { node: "m1".into() };
    let uncordon = Effect::Uncordon { node: "m1".into() };
    assert_eq!(effects(&world), [drain.clone(), drain.clone(), drain, FORCE_OFF, ON, uncordon]);
    assert_eq!(status(&world).phase, Some(Phase::Ready));
}

#[test]
fn a_node_that_cannot_be_drained_is_not_powered_off() {
    let mut world = World::new(&json!({"rebootCounter": 1, "maxAttempts": 1}), vec![]);
    world.host = Host::in_service();
    world.host.pods = 100_000;
    world.policy.drain = Some(Duration::from_mins(10));
    world.run(700);
    assert_eq!((world.host.power_cuts, status(&world).phase), (0, Some(Phase::Failed)));
    let message = status(&world).message.clone().unwrap();
    assert!(message.contains("a budget"), "{message}");
    assert!(!world.host.cordoned, "it takes workloads again");
}

#[test]
fn a_bmc_that_cannot_override_is_reported_and_the_repave_goes_on() {
    let mut world = World::new(&json!({"rebootCounter": 1, "repaveCounter": 1}), vec![]);
    world.bmc.supports_override = false;
    world.host.network_first = true;
    world.run(400);
    let condition = status(&world).condition("BootOrderConfigSupported").unwrap();
    assert_eq!(condition.reason, "NotSupported");
    assert_eq!((repaved(&world), ours(status(&world))), (Some("Succeeded"), None));
    assert_eq!(effects(&world).iter().filter(|effect| matches!(effect, Effect::SetBootOverride(_))).count(), 3);
}

#[test]
fn an_override_of_a_person_is_left_alone() {
    let mut world = World::new(&json!({}), vec![]);
    world.bmc.boot_override = Some(("Pxe".into(), true));
    world.run(5_000);
    assert_eq!(world.bmc.boot_override, Some(("Pxe".into(), true)));
    assert_eq!(effects(&world), []);
}

#[test]
fn another_controllers_machine_is_only_watched() {
    let mut world = World::new(&json!({"rebootCounter": 1, "repaveCounter": 1}), vec![]);
    world.machine.metadata.annotations = Some([("unbounded-cloud.io/provider".to_owned(), "cloud".to_owned())].into());
    world.run(100);
    assert_eq!(effects(&world), []);
    assert_eq!((repaved(&world), status(&world).phase), (Some("Pending"), Some(Phase::Provisioning)));
    (world.bmc.on, world.host.network_first) = (false, true);
    world.run(10);
    world.bmc.on = true;
    world.run(300);
    assert_eq!(repaved(&world), Some("Succeeded"));
    assert_eq!(status(&world).counters().reboot, 0, "counted by the other controller");
    assert_eq!(status(&world).phase, Some(Phase::Rebooting));
}

#[test]
fn without_a_bmc_an_operators_hand_moves_it_through_its_phases() {
    let mut world = World::new(&json!({"rebootCounter": 1, "repaveCounter": 1, "repaveTimeoutSeconds": 600}), vec![]);
    world.machine.spec.pxe.as_mut().unwrap().redfish = None;
    (world.host.network_first, world.host.hangs) = (true, 1);
    world.run(5_000);
    assert_eq!((repaved(&world), status(&world).phase), (Some("Pending"), Some(Phase::Provisioning)));
    assert!(status(&world).message.as_deref().unwrap().starts_with("waiting for somebody to power it on since "));
    for reason in ["TimedOut", "Succeeded"] {
        world.bmc.on = false;
        world.run(5);
        world.bmc.on = true;
        world.run(1_000);
        assert_eq!(repaved(&world), Some(reason), "{:#?}", status(&world));
    }
    assert_eq!(status(&world).phase, Some(Phase::Ready));
    assert_eq!((status(&world).counters().reboot, effects(&world)), (1, vec![]));
}

#[test]
fn the_timeline_of_a_stuck_boot_names_the_step_and_the_cause() {
    let mut world = World::new(&json!({"rebootCounter": 1, "repaveCounter": 1}), vec![]);
    world.host.hangs = 1;
    world.run(200);
    let message = status(&world).message.clone().unwrap();
    assert!(message.starts_with("waiting for its installer to start since 2027-01-15T08:"), "{message}");
    assert!(message.contains("(more than 2 min): its kernel was fetched"), "{message}");
    assert_eq!(steps(&world).last().copied(), Some(Step::Kernel.as_str()));
}

#[test]
fn an_attempt_that_ran_out_of_time_elsewhere_is_followed_by_another_here() {
    let operations =
        json!({"rebootCounter": 1, "repaveCounter": 1, "repaveTimeoutSeconds": 600, "gracefulShutdownSeconds": 40});
    let mut world = World::new(&operations, vec![]);
    world.host.hangs = 1;
    world.run(300);
    let annotations = [("unbounded-cloud.io/provider".to_owned(), "cloud".to_owned())];
    world.machine.metadata.annotations = Some(annotations.into());
    world.run(600);
    assert_eq!(repaved(&world), Some("TimedOut"));
    world.machine.metadata.annotations = None;
    world.hand_over();
    world.run(1);
    assert_eq!(status(&world).operations.as_ref().unwrap().attempts, Some(2), "power is cut in an attempt of its own");
    world.run(1_000);
    assert_eq!((repaved(&world), status(&world).phase), (Some("Succeeded"), Some(Phase::Ready)));
}
