//! What the BMC's last answer says about the BMC: whether it can be asked, what certificate it has, what power it shows; and when
//! to ask it next.

use super::bmc::{Bmc, PowerState, System, Unreachable};
use super::case::{Case, left, transition};
use super::decision::Severity;
use crate::api::conditions::{BMC_REACHABLE, ConditionStatus, reason};
use std::time::Duration;

/// The first and the last pause between two looks at a BMC that cannot be asked. A pause is as long as it already could not
/// be, which doubles them.
const PAUSES: (Duration, Duration) = (Duration::from_secs(5), Duration::from_mins(2));

/// Writes down what the BMC shows.
pub(super) fn observe(case: &mut Case<'_>) {
    if case.machine.provider().is_some() {
        // Whoever handles its power may write about it.
        return;
    }
    if !case.is_managed() {
        case.status.remove_condition(BMC_REACHABLE);
        case.status.power = None;
        return;
    }
    match case.given.bmc {
        Bmc::None | Bmc::Unknown => {}
        Bmc::Unreachable(unreachable) => lost(case, unreachable),
        Bmc::Observed(system) => answered(case, system),
    }
}

fn lost(case: &mut Case<'_>, Unreachable { reason, message }: &Unreachable) {
    let news = case.status.condition(BMC_REACHABLE).is_none_or(|known| known.status != ConditionStatus::False);
    if news {
        case.tell(Severity::Warning, "BMCUnreachable", message.clone());
    }
    case.set(BMC_REACHABLE, ConditionStatus::False, reason, message.clone());
}

fn answered(case: &mut Case<'_>, system: &System) {
    if case.status.condition(BMC_REACHABLE).is_some_and(|known| known.status == ConditionStatus::False) {
        case.tell(Severity::Normal, "BMCReachable", "the BMC answers again");
    }
    case.set(BMC_REACHABLE, ConditionStatus::True, reason::REACHABLE, String::new());
    case.status.power = system.power.as_ref().map(ToString::to_string);
    pin(case, system);
}

/// The certificate seen first is the one that counts from then on. One that spec vouches for replaces it; any other the client
/// has refused before it comes to this.
fn pin(case: &mut Case<'_>, system: &System) {
    let Some(shown) = &system.certificate else { return };
    let redfish = case.machine.spec.pxe.as_ref().and_then(|pxe| pxe.redfish.as_ref());
    let vouched = redfish.and_then(|redfish| redfish.cert_fingerprint.as_ref());
    let pinned = &mut case.status.redfish.get_or_insert_default().cert_fingerprint;
    if pinned.is_none() || vouched.is_some_and(|vouched| vouched.eq_ignore_ascii_case(shown)) {
        *pinned = Some(shown.clone());
    }
}

/// Nothing can be done before the BMC was asked.
pub(super) fn wait(case: &mut Case<'_>) {
    match case.given.bmc {
        Bmc::Unknown | Bmc::None => {
            case.why("the BMC was not asked yet");
            case.look(Duration::ZERO);
        }
        Bmc::Unreachable(unreachable) => {
            case.why(format!("the BMC cannot be asked: {}", unreachable.message));
            let pause = pause(case);
            case.look(pause);
        }
        Bmc::Observed(_) => {
            case.why("what the BMC showed is older than what was decided");
            case.look(case.given.policy.look);
        }
    }
}

fn pause(case: &Case<'_>) -> Duration {
    let since = case.status.condition(BMC_REACHABLE).and_then(transition);
    since.map_or(PAUSES.0, |since| case.passed(since)).clamp(PAUSES.0, PAUSES.1)
}

/// Nothing is asked of the BMC: it is looked at now and then, for what it shows.
pub(super) fn look_now_and_then(case: &mut Case<'_>) {
    if !case.is_managed() {
        return;
    }
    match case.given.bmc {
        Bmc::Observed(system) => {
            // What is on its way somewhere gets there soon, and the operator reads it in status.
            let settled = matches!(system.power, Some(PowerState::On | PowerState::Off | PowerState::Paused));
            let policy = case.given.policy;
            let pause = if settled { policy.idle_look } else { policy.power_again.min(policy.idle_look) };
            let rest = left(pause, case.passed(system.at));
            case.look(rest.max(policy.look));
        }
        Bmc::None | Bmc::Unknown => case.look(Duration::ZERO),
        Bmc::Unreachable(_) => {
            let pause = pause(case);
            case.look(pause);
        }
    }
}
