use super::*;
use crate::api::Machine;
use crate::lifecycle::timeline;
use serde_json::json;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + second).unwrap()
}

fn machine(spec: i64, redfish: bool, status: &serde_json::Value) -> (Machine, MachineStatus) {
    let bmc = if redfish { json!({"url": "https://10.0.9.1"}) } else { json!(null) };
    let machine: Machine = serde_json::from_value(json!({
        "apiVersion": "unbounded-cloud.io/v1alpha3", "kind": "Machine", "metadata": {"name": "m1", "generation": 3},
        "spec": {"pxe": {"image": "registry/image:1", "redfish": bmc}, "operations": {"repaveCounter": spec}},
        "status": status,
    }))
    .unwrap();
    let status = machine.status.clone().unwrap_or_default();
    (machine, status)
}

fn steps(status: &MachineStatus) -> Vec<&str> {
    status.boot.iter().flat_map(|boot| &boot.steps).map(|step| step.name.as_str()).collect()
}

#[test]
fn the_report_of_success_counts_the_repave_that_was_attempted() {
    let cases = [
        // spec, status.operations, counter afterwards
        (2, json!({"repaveCounter": 1, "attemptedRepaveCounter": 2, "attempts": 2}), Some(2)),
        // raised again while the installer ran: that one is still to be done
        (3, json!({"repaveCounter": 1, "attemptedRepaveCounter": 2, "attempts": 2}), Some(2)),
        // lowered meanwhile: it was done all the same
        (0, json!({"repaveCounter": 1, "attemptedRepaveCounter": 2, "attempts": 2}), Some(2)),
        // nothing attempted: what was asked for
        (1, json!({}), Some(1)),
        (4, json!({"repaveCounter": 3, "attemptedRepaveCounter": 3}), Some(4)),
        // nothing pending
        (3, json!({"repaveCounter": 3, "attemptedRepaveCounter": 3}), None),
        (0, json!({}), None),
    ];
    for (spec, operations, expected) in cases {
        let (machine, mut status) = machine(spec, true, &json!({"operations": operations}));
        let before = status.clone();
        assert_eq!(installed(&machine, &mut status, at(5)), expected.is_some(), "{spec} {operations}");
        match expected {
            Some(counter) => {
                assert_eq!(status.counters().repave, counter, "{spec} {operations}");
                let repaved = status.condition(REPAVED).unwrap();
                assert_eq!((repaved.status, repaved.reason.as_str()), (ConditionStatus::True, "Succeeded"));
                assert_eq!(repaved.message, "image=registry/image:1");
                assert_eq!(timeline::time(&status, Step::Installed), Some(at(5)));
            }
            None => assert_eq!(status, before),
        }
    }
}

#[test]
fn the_system_that_is_about_to_be_replaced_is_not_believed() {
    let operations = json!({"attemptedRepaveCounter": 1, "attempts": 1});
    let (machine, mut status) = machine(1, true, &json!({"operations": operations}));
    timeline::begin(&mut status, Step::Asked, None, at(0));
    timeline::record(&mut status, Step::PoweringOff, None, at(1));
    assert!(!installed(&machine, &mut status, at(2)), "power was not yet cut");
    timeline::record(&mut status, Step::PoweringOn, None, at(3));
    assert!(installed(&machine, &mut status, at(4)));
}

#[test]
fn a_second_attempt_may_be_overtaken_by_the_first_ones_success() {
    let operations = json!({"attemptedRepaveCounter": 1, "attempts": 2});
    let (machine, mut status) = machine(1, true, &json!({"operations": operations}));
    timeline::begin(&mut status, Step::Asked, None, at(0));
    timeline::record(&mut status, Step::PoweringOff, None, at(1));
    assert!(installed(&machine, &mut status, at(2)));
}

#[test]
fn without_a_bmc_every_report_of_success_counts() {
    let operations = json!({"attemptedRepaveCounter": 1, "attempts": 1});
    let (machine, mut status) = machine(1, false, &json!({"operations": operations}));
    timeline::begin(&mut status, Step::Asked, None, at(0));
    assert!(installed(&machine, &mut status, at(2)));
}

#[test]
fn firmware_that_asks_again_is_the_same_boot() {
    let mut status = MachineStatus::default();
    assert!(progress(&mut status, Step::Dhcp, None, at(0)));
    assert!(!progress(&mut status, Step::Dhcp, None, at(9)));
    assert_eq!(timeline::time(&status, Step::Dhcp), Some(at(0)));
}

#[test]
fn firmware_that_asks_after_a_boot_that_got_further_begins_the_next() {
    for further in [Step::Bootloader, Step::Kernel, Step::ImageWriting, Step::CloudInit, Step::Ready] {
        let mut status = MachineStatus::default();
        timeline::begin(&mut status, Step::Asked, None, at(0));
        timeline::record(&mut status, further, None, at(1));
        problem(&mut status, Some("a template fails".into()));
        assert!(progress(&mut status, Step::Dhcp, None, at(9)));
        assert_eq!(steps(&status), ["DHCP"], "{further}");
        assert_eq!(status.boot.unwrap().problem, None);
    }
}

#[test]
fn what_an_operation_counts_from_outlives_its_boots() {
    let mut status = machine(1, true, &json!({"operations": {"attemptedRepaveCounter": 1, "attempts": 1}})).1;
    for (second, step) in
        [(0, Step::Asked), (1, Step::PoweringOn), (2, Step::PowerOn), (3, Step::Dhcp), (4, Step::Kernel)]
    {
        timeline::record(&mut status, step, None, at(second));
    }
    assert!(progress(&mut status, Step::Dhcp, None, at(60)));
    assert_eq!(steps(&status), ["Asked", "PoweringOn", "PowerOn", "DHCP"]);
    assert_eq!(timeline::time(&status, Step::Dhcp), Some(at(60)));
}

#[test]
fn firmware_that_asks_after_the_installation_starts_from_disk() {
    let mut status = MachineStatus::default();
    timeline::begin(&mut status, Step::Installed, None, at(0));
    assert!(progress(&mut status, Step::Dhcp, None, at(1)));
    assert!(!progress(&mut status, Step::Dhcp, None, at(2)), "the same boot");
    assert_eq!(steps(&status), ["Installed", "Rebooted"]);
    progress(&mut status, Step::Attested, None, at(3));
    progress(&mut status, Step::Dhcp, None, at(4));
    assert_eq!(steps(&status), ["DHCP"]);
}

#[test]
fn a_percentage_moves_its_step_and_a_repetition_does_not() {
    let mut status = MachineStatus::default();
    assert!(progress(&mut status, Step::ImageWriting, Some("10 %".into()), at(1)));
    assert!(!progress(&mut status, Step::ImageWriting, Some("10 %".into()), at(2)));
    assert!(progress(&mut status, Step::ImageWriting, Some("11 %".into()), at(3)));
    assert_eq!(timeline::time(&status, Step::ImageWriting), Some(at(3)));
}

#[test]
fn a_problem_is_written_once_and_taken_back() {
    let mut status = MachineStatus::default();
    assert!(!problem(&mut status, None));
    assert!(problem(&mut status, Some("x".into())));
    assert!(!problem(&mut status, Some("x".into())));
    assert!(problem(&mut status, None));
    assert_eq!(status, MachineStatus::default());
}
