//! How machines behave: how long things take, and what goes wrong in them by chance.

use std::time::Duration;

use crate::link::{PerMille, random};

/// How a machine behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behaviour {
    /// How long an installer writes.
    pub install_time: Duration,
    /// From firmware to userspace of the installed system.
    pub start_time: Duration,
    /// How long a system takes to shut down when asked to.
    pub shutdown: Duration,
    /// How often the kubelet writes its Node; none: only once after each start.
    pub heartbeat: Option<Duration>,
    /// What cloud-init does.
    pub cloud_init: CloudInit,
    /// Of a thousand installers, so many hang.
    pub hangs: PerMille,
    /// So many restart in the middle.
    pub crashes: PerMille,
    /// So many never say that they are done.
    pub never_reports: PerMille,
    /// So many say it twice.
    pub reports_twice: PerMille,
}

/// What cloud-init does on the installed system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloudInit {
    /// It reports each stage.
    Succeeds,
    /// Its last stage fails, and the kubelet never starts.
    Fails,
    /// It reports nothing.
    Silent,
}

/// What becomes of one installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Install {
    Succeeds,
    Hangs,
    Crashes,
    NeverReports,
    ReportsTwice,
}

impl Default for Behaviour {
    /// Quick and faultless, for tests.
    fn default() -> Self {
        Self {
            install_time: Duration::from_millis(200),
            start_time: Duration::from_millis(100),
            shutdown: Duration::from_millis(100),
            heartbeat: None,
            cloud_init: CloudInit::Succeeds,
            hangs: 0,
            crashes: 0,
            never_reports: 0,
            reports_twice: 0,
        }
    }
}

impl Behaviour {
    /// Draws what becomes of the next installation.
    pub(super) fn install(&self, dice: &mut u64) -> Install {
        let mut drawn = random(dice) % 1000;
        for (rate, what) in [
            (self.hangs, Install::Hangs),
            (self.crashes, Install::Crashes),
            (self.never_reports, Install::NeverReports),
            (self.reports_twice, Install::ReportsTwice),
        ] {
            let rate = u64::from(rate);
            if drawn < rate {
                return what;
            }
            drawn -= rate;
        }
        Install::Succeeds
    }
}
