use super::*;
use crate::api::Machine;
use crate::lifecycle::decision::{Circumstances, Policy};
use crate::lifecycle::simulation::{at, machine};
use serde_json::json;

/// The message, and when it changes next.
fn message(machine: &Machine, second: i64) -> (String, Option<Duration>) {
    let policy = Policy::default();
    let bmc = Bmc::None;
    let given = Circumstances { now: at(second), bmc: &bmc, last: None, node: None, policy: &policy };
    let decision = super::super::decide(machine, &given);
    (decision.status.message.unwrap_or_default(), decision.again)
}

/// A Machine without a BMC whose repave came as far as that step, at second 0.
fn stuck_at(step: Step) -> Machine {
    let mut machine = machine(&json!({"repaveCounter": 1}));
    machine.spec.pxe.as_mut().unwrap().redfish = None;
    let status = machine.status.get_or_insert_default();
    status.operations.get_or_insert_default().attempted_repave_counter = Some(1);
    status.operations.get_or_insert_default().attempts = Some(1);
    timeline::begin(status, Step::Asked, None, at(-10));
    for seen in [Step::PowerOn, Step::Dhcp, Step::Bootloader, Step::Kernel, Step::InstallerStarted, Step::ImageWriting]
    {
        if seen <= step {
            let message = (seen == Step::ImageWriting).then(|| "40 %".to_owned());
            timeline::record(status, seen, message, at(0));
        }
    }
    machine
}

#[test]
fn what_is_awaited_since_when_and_why_it_may_not_come() {
    let cases = [
        (
            Step::PowerOn,
            "its DHCP request",
            "is 52:54:00:00:00:01 its boot NIC's MAC, does that network's relay point here",
        ),
        (Step::Dhcp, "its bootloader to be fetched", "does TFTP (UDP 69) or HTTP reach this server"),
        (Step::Bootloader, "its kernel to be fetched", "the bootloader's configuration"),
        (Step::Kernel, "its installer to start", "its kernel was fetched"),
        (Step::InstallerStarted, "its installer to write the disk image", "the installer runs"),
        (Step::ImageWriting, "the disk image to be written", "the last that was heard: 40 %"),
    ];
    for (step, awaited, cause) in cases {
        let machine = stuck_at(step);
        let (early, again) = message(&machine, 10);
        assert_eq!(early, format!("waiting for {awaited} since 2027-01-15T08:00:00Z"));
        assert_eq!(again, Some(Duration::from_secs(20)), "{step}");
        let (late, again) = message(&machine, 61);
        assert!(late.starts_with(&format!("{early} (more than 1 min): ")) && late.contains(cause), "{late}");
        assert_eq!(again, Some(Duration::from_secs(59)), "{step}");
    }
}

#[test]
fn a_problem_comes_before_everything() {
    let mut machine = stuck_at(Step::Kernel);
    machine.status.as_mut().unwrap().boot.as_mut().unwrap().problem = Some("grub.cfg.tmpl:3: no such field".into());
    assert_eq!(message(&machine, 61).0, "grub.cfg.tmpl:3: no such field");
}

#[test]
fn a_wait_of_a_day_is_a_dozen_messages() {
    let machine = stuck_at(Step::PowerOn);
    let messages: std::collections::BTreeSet<String> = (0..1_500).map(|second| message(&machine, second).0).collect();
    assert_eq!(messages.len(), 1 + STEPS.iter().filter(|(seconds, _)| *seconds < 1_500).count());
}
