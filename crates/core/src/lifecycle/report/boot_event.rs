//! What an installer or an agent tells of its progress (`/boot/event`), and the order in which what was seen is believed.

use super::{plain, problem, progress};
use crate::api::MachineStatus;
use crate::lifecycle::timeline::{self, Step};
use jiff::{SignedDuration, Timestamp};
use metalman_wire::boot_event::{BootEvent, BootStep};

/// What a problem that an installer tells of begins with.
const INSTALLER: &str = "installer: ";
/// Two replicas behind a relay see the same request for an address within this, cut to seconds as times are.
const SAME_REQUEST: SignedDuration = SignedDuration::from_secs(1);

/// Writes down an event. Says whether anything changed.
pub fn boot_event(status: &mut MachineStatus, event: &BootEvent, now: Timestamp) -> bool {
    let message = event.message.as_deref().map(plain).filter(|message| !message.is_empty());
    match event.step {
        BootStep::InstallerStarted => {
            let message = join(event.percent, message);
            // An installer that begins anew has not failed yet.
            mended(status) | seen(status, Step::InstallerStarted, message, now)
        }
        BootStep::ImageWriting => {
            let message = join(event.percent, message);
            mended(status) | seen(status, Step::ImageWriting, message, now)
        }
        BootStep::Rebooting => rebooting(status, message, now),
        BootStep::Rebooted => seen(status, Step::Rebooted, message, now),
        BootStep::Failed => {
            let why = message.unwrap_or_else(|| "it cannot go on, and did not say why".to_owned());
            problem(status, Some(format!("{INSTALLER}{why}")))
        }
    }
}

/// A restart is no step of its own: it belongs to the installation that it ends, if that was reported.
fn rebooting(status: &mut MachineStatus, message: Option<String>, now: Timestamp) -> bool {
    if timeline::furthest(status) != Some(Step::Installed) {
        return false;
    }
    let message = message.map_or_else(|| "rebooting".to_owned(), |message| format!("rebooting: {message}"));
    let before = status.boot.clone();
    timeline::record(status, Step::Installed, Some(message), now);
    status.boot != before
}

fn mended(status: &mut MachineStatus) -> bool {
    let told = status.boot.as_ref().and_then(|boot| boot.problem.as_ref());
    told.is_some_and(|told| told.starts_with(INSTALLER)) && problem(status, None)
}

/// `40 %: /dev/sda`.
fn join(percent: Option<u8>, message: Option<String>) -> Option<String> {
    match (percent, message) {
        (Some(percent), Some(message)) => Some(format!("{percent} %: {message}")),
        (Some(percent), None) => Some(format!("{percent} %")),
        (None, message) => message,
    }
}

/// [`progress`] that was seen at `at`, and is perhaps only now written down: what belongs to a boot before the one that the
/// timeline shows is left out, as is a request for an address that another replica wrote down already. Says whether
/// anything changed.
pub fn seen(status: &mut MachineStatus, step: Step, message: Option<String>, at: Timestamp) -> bool {
    let is_late = if step == Step::Dhcp {
        let is_same = |known: Step| time(status, known).is_some_and(|known| known + SAME_REQUEST >= at);
        let since = Step::ALL.iter().filter(|known| **known >= Step::Dhcp);
        is_same(Step::Dhcp) || is_same(Step::Rebooted) || since.copied().any(|known| time(status, known) > Some(at))
    } else {
        time(status, Step::Dhcp).is_some_and(|began| began > at + SAME_REQUEST)
    };
    !is_late && progress(status, step, message, at)
}

fn time(status: &MachineStatus, step: Step) -> Option<Timestamp> {
    timeline::time(status, step)
}

#[cfg(test)]
mod tests;
