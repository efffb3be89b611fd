//! The machine behind the BMC: it boots, installs itself when it came from the network, starts from disk, and joins.

use super::at;
use super::bmc::SimulatedBmc;
use crate::api::Machine;
use crate::lifecycle::NodeView;
use crate::lifecycle::decision::{Effect, Outcome};
use crate::lifecycle::report;
use crate::lifecycle::timeline::Step;

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own about a simulated thing")]
pub(super) struct Host {
    /// Since when it is powered.
    pub(super) since: Option<i64>,
    from_network: bool,
    /// Installations that hang before one succeeds.
    pub(super) hangs: u32,
    hanging: bool,
    pub(super) network_first: bool,
    pub(super) installed: bool,
    pub(super) installations: u32,
    pub(super) power_cuts: u32,
    pub(super) joined_at: Option<i64>,
    pub(super) cordoned: bool,
    pub(super) pods: usize,
    /// How many times faster than a real one it lives.
    pub(super) pace: i64,
}

impl Default for Host {
    fn default() -> Self {
        Self {
            since: Some(0),
            from_network: false,
            hangs: 0,
            hanging: false,
            network_first: false,
            installed: false,
            installations: 0,
            power_cuts: 0,
            joined_at: None,
            cordoned: false,
            pods: 0,
            pace: 1,
        }
    }
}

impl Host {
    /// A host that was installed before, and whose Node is Ready.
    pub(super) fn in_service() -> Self {
        Self { installed: true, joined_at: Some(0), pods: 3, ..Self::default() }
    }

    pub(super) fn pass(&mut self, now: i64, bmc: &mut SimulatedBmc, machine: &mut Machine) {
        match (self.since, bmc.on) {
            (None, true) => self.start(now, bmc, machine),
            (Some(_), false) => {
                self.since = None;
                self.power_cuts += 1;
            }
            (Some(since), true) => self.live((now - since) * self.pace, now, machine),
            (None, false) => {}
        }
    }

    fn start(&mut self, now: i64, bmc: &mut SimulatedBmc, machine: &Machine) {
        self.since = Some(now);
        let overridden = bmc.boot_override.take_if(|(target, _)| target == "Pxe" || target == "UefiHttp").is_some();
        self.from_network = (overridden || self.network_first) && machine.repave_wanted();
        self.hanging = self.from_network && self.hangs > 0;
        if self.hanging {
            self.hangs -= 1;
        }
    }

    fn live(&mut self, age: i64, now: i64, machine: &mut Machine) {
        let asked = machine.clone();
        let status = machine.status.get_or_insert_default();
        let now_at = at(now);
        match age {
            10 if self.from_network || self.network_first => {
                report::progress(status, Step::Dhcp, None, now_at);
            }
            12 if self.from_network => {
                report::progress(status, Step::Bootloader, None, now_at);
            }
            14 if self.from_network => {
                report::progress(status, Step::Kernel, None, now_at);
            }
            20 if self.from_network && !self.hanging => {
                report::progress(status, Step::ImageWriting, Some("50 %".into()), now_at);
            }
            60 if self.from_network && !self.hanging => {
                self.installed = true;
                self.installations += 1;
                report::installed(&asked, status, now_at);
            }
            90 if self.installed && !self.hanging => self.joined_at = Some(now),
            _ => {}
        }
    }

    pub(super) fn node(&self, now: i64) -> Option<NodeView> {
        let joined = self.joined_at?;
        let alive = self.since.is_some_and(|since| joined >= since) || (joined == 0 && self.since == Some(0));
        let heartbeat = if alive { now } else { joined };
        Some(NodeView {
            name: "m1".into(),
            created: Some(at(joined.min(0))),
            ready: alive,
            ready_message: "KubeletNotReady: container runtime is down".into(),
            heartbeat: Some(at(heartbeat)),
            ready_since: Some(at(joined)),
            unschedulable: self.cordoned,
            cordoned_by_us: self.cordoned,
            boot_id: joined.to_string(),
        })
    }

    pub(super) fn serve(&mut self, effect: &Effect) -> Outcome {
        match effect {
            Effect::Drain { .. } => {
                self.cordoned = true;
                self.pods = self.pods.saturating_sub(1);
                if self.pods == 0 {
                    Outcome::Done
                } else {
                    Outcome::Draining { left: self.pods, why: "a budget".into() }
                }
            }
            _ => {
                self.cordoned = false;
                Outcome::Done
            }
        }
    }
}
