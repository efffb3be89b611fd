use super::*;
use crate::api::conditions::BMC_REACHABLE;
use crate::lifecycle::bmc::{Bmc, PowerState, System, Unreachable};
use crate::lifecycle::simulation::{at, machine};
use crate::lifecycle::{Carried, Effect, Outcome, Policy};
use serde_json::json;
use std::time::Duration;

fn system(power: Option<PowerState>, certificate: &str) -> Bmc {
    let certificate = Some(certificate.to_owned());
    let (steady_since, at) = (at(0), at(100));
    Bmc::Observed(System { power, steady_since, boot_override: None, targets: None, certificate, at })
}

fn decide_at(machine: &Machine, bmc: &Bmc, last: Option<&Carried>, second: i64) -> Decision {
    let policy = Policy::default();
    decide(machine, &Circumstances { now: at(second), bmc, last, node: None, policy: &policy })
}

#[test]
fn without_pxe_a_machine_is_left_alone() {
    let mut machine = machine(&json!({"rebootCounter": 1}));
    machine.spec.pxe = None;
    let decision = decide_at(&machine, &Bmc::None, None, 100);
    assert_eq!((decision.effect, decision.again), (None, None));
    assert_eq!(decision.status.conditions, machine.status.unwrap().conditions);
}

#[test]
fn the_certificate_seen_first_is_pinned_and_kept() {
    let mut machine = machine(&json!({}));
    let pin = |machine: &Machine, shown| {
        let redfish = decide_at(machine, &system(Some(PowerState::On), shown), None, 100).status.redfish;
        redfish.unwrap().cert_fingerprint.unwrap()
    };
    machine.status = Some(decide_at(&machine, &system(Some(PowerState::On), "aa"), None, 100).status);
    assert_eq!(pin(&machine, "bb"), "aa", "not another one");
    machine.spec.pxe.as_mut().unwrap().redfish.as_mut().unwrap().cert_fingerprint = Some("BB".into());
    assert_eq!(pin(&machine, "bb"), "bb", "but the one that spec vouches for");
}

#[test]
fn the_bmcs_state_is_shown_and_its_absence_told_once() {
    let mut machine = machine(&json!({}));
    let away = Bmc::Unreachable(Unreachable { reason: reason::TCP, message: "connection refused".into() });
    let first = decide_at(&machine, &away, None, 100);
    let condition = first.status.condition(BMC_REACHABLE).unwrap();
    assert_eq!((condition.status, condition.reason.as_str()), (ConditionStatus::False, "TCPError"));
    assert_eq!(first.told.len(), 1);
    assert_eq!((first.again, first.look), (Some(Duration::from_secs(5)), true));
    machine.status = Some(first.status);
    for (second, pause) in [(100, 5), (110, 10), (160, 60), (9_000, 120)] {
        let again = decide_at(&machine, &away, None, second);
        assert_eq!((again.again, again.told.len()), (Some(Duration::from_secs(pause)), 0), "after {second} s");
    }
    let back = decide_at(&machine, &system(None, "aa"), None, 9_100);
    assert_eq!(back.told.len(), 1);
    assert_eq!(back.status.power, None);
    let on = decide_at(&machine, &system(Some(PowerState::PoweringOn), "aa"), None, 9_100);
    assert_eq!(on.status.power.as_deref(), Some("PoweringOn"));
}

/// What is done about a power state while power is being cut, by how long it has been.
#[test]
fn power_is_cut_by_what_the_bmc_shows() {
    let force_off = Some(Effect::Power(crate::lifecycle::bmc::PowerAction::ForceOff));
    let sent = |second, outcome| Carried { effect: force_off.clone().unwrap(), at: at(second), outcome, times: 1 };
    let refused = sent(101, Outcome::Refused { message: "busy".into() });
    let cases = [
        // shown, sent, at which second after 100, what is done
        (Some(PowerState::On), None, 1, force_off.clone()),
        (None, None, 1, None),
        (Some(PowerState::Paused), None, 29, None),
        (Some(PowerState::Paused), None, 30, force_off.clone()),
        (Some(PowerState::PoweringOff), None, 10, None),
        (Some(PowerState::On), Some(sent(101, Outcome::Done)), 30, None),
        (Some(PowerState::On), Some(sent(101, Outcome::Done)), 31, force_off.clone()),
        (Some(PowerState::On), Some(refused.clone()), 31, force_off.clone()),
        // what was sent in an earlier attempt does not count
        (Some(PowerState::On), Some(sent(90, Outcome::Done)), 1, force_off.clone()),
        (Some(PowerState::Off), None, 1, None),
    ];
    for (shown, last, second, expected) in cases {
        let mut machine = machine(&json!({"rebootCounter": 1}));
        let on = system(Some(PowerState::On), "aa");
        for _ in 0..3 {
            machine.status = Some(decide_at(&machine, &on, None, 100).status);
        }
        assert_eq!(stage_of(&machine, &on), Stage::PoweringOff);
        let decision = decide_at(&machine, &system(shown.clone(), "aa"), last.as_ref(), 100 + second);
        assert_eq!(decision.effect, expected, "{shown:?} {last:?} after {second} s");
    }
}

fn stage_of(machine: &Machine, bmc: &Bmc) -> Stage {
    let policy = Policy::default();
    let given = Circumstances { now: at(100), bmc, last: None, node: None, policy: &policy };
    stage(&Case::new(machine, &given))
}

#[test]
fn an_idle_bmc_is_looked_at_seldom_and_one_on_its_way_soon() {
    let machine = machine(&json!({}));
    let policy = Policy::default();
    for (power, pause) in [
        (PowerState::On, policy.idle_look),
        (PowerState::Off, policy.idle_look),
        (PowerState::PoweringOn, policy.power_again),
        (PowerState::PoweringOff, policy.power_again),
    ] {
        let decision = decide_at(&machine, &system(Some(power.clone()), "aa"), None, 100);
        assert_eq!((decision.again, decision.look), (Some(pause), true), "{power}");
    }
}
