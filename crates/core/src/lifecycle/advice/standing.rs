//! Where a boot stands that is not over.

use crate::api::status::BootStep;
use crate::api::{Machine, MachineStatus, Phase};
use crate::lifecycle::timeline::Step;
use jiff::Timestamp;
use std::time::Duration;

/// The step that a Machine's boot got to last, and for how long nothing came after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The step.
    pub step: Step,
    /// How long ago it was seen.
    pub waited: Duration,
}

impl Standing {
    /// Whether the next step is overdue.
    pub fn is_stuck(&self) -> bool {
        self.waited > patience(self.step)
    }
}

/// Where it stands, when a boot or an operation is under way, or was given up.
pub fn standing(machine: &Machine, now: Timestamp) -> Option<Standing> {
    let status = machine.status.as_ref()?;
    if !is_under_way(machine, status) {
        return None;
    }
    // The order is that in which steps were first seen; the last sign of life may be of an earlier one.
    let steps = status.boot.as_ref()?.steps.iter().filter_map(known);
    let (step, time) = steps.max_by_key(|(_, time)| *time)?;
    let waited = Duration::try_from(now.duration_since(time)).unwrap_or_default();
    (step != Step::Ready).then_some(Standing { step, waited })
}

fn known(step: &BootStep) -> Option<(Step, Timestamp)> {
    Some((Step::parse(&step.name)?, step.time.as_ref()?.0))
}

fn is_under_way(machine: &Machine, status: &MachineStatus) -> bool {
    match status.phase {
        Some(Phase::Provisioning | Phase::Rebooting | Phase::Joining | Phase::Failed) => true,
        _ => machine.reboot_wanted() || machine.repave_wanted(),
    }
}

/// How long after a step the next may take on hardware that is well: servers with much memory test it for minutes each time
/// they start, and images are large.
const fn patience(step: Step) -> Duration {
    Duration::from_mins(match step {
        Step::BootOverride | Step::PowerOff => 1,
        Step::Asked | Step::PoweringOff | Step::PoweringOn | Step::Dhcp | Step::Bootloader => 2,
        Step::Kernel
        | Step::InstallerStarted
        | Step::ImageWriting
        | Step::Rebooted
        | Step::CloudInit
        | Step::Joined => 5,
        Step::PowerOn | Step::Installed | Step::Attested | Step::Draining | Step::ShuttingDown => 10,
        Step::Ready => u64::MAX / 60,
    })
}
