//! What to look at when a boot got to a step and no further.

use super::{Advice, standing};
use crate::api::Machine;
use crate::lifecycle::timeline::Step;
use jiff::Timestamp;

/// The likely cause, when the next step is overdue.
pub(super) fn stuck(machine: &Machine, now: Timestamp) -> Option<Advice> {
    let standing = standing(machine, now).filter(super::Standing::is_stuck)?;
    let name = machine.name();
    let node = machine.node_name();
    Some(match standing.step {
        Step::Asked => Advice::new(
            "nothing was begun: see whether metalman of its site runs and leads, and what it says about this Machine",
        )
        .with(format!("kubectl describe machine {name}")),
        Step::Draining => Advice::new(
            "see what still runs on its Node: pods that do not end, or PodDisruptionBudgets that allow no disruption",
        )
        .with(format!("kubectl get pods -A -o wide --field-selector spec.nodeName={node}")),
        Step::ShuttingDown | Step::PoweringOff | Step::PowerOff | Step::BootOverride | Step::PoweringOn => Advice::new(
            "look at the BMC's own pages and its event log: it accepted a power command and does not follow it; many BMCs \
             recover by a reset of the BMC itself",
        )
        .with(format!("kubectl describe machine {name}")),
        Step::PowerOn => Advice::new(format!(
            "no DHCP request reached metalman: compare the boot NIC's MAC with {}, see that network boot is enabled on that \
             NIC, and that its switch port and DHCP relay lead to metalman; the console shows which",
            macs(machine)
        )),
        Step::Dhcp => Advice::new(
            "it got an address and fetched no bootloader: see that UDP port 69 or TCP port 8880 is open from its network to \
             metalman, replies included, and that no other DHCP server answers there",
        ),
        Step::Bootloader => Advice::new(
            "its bootloader came and its kernel did not: the console shows what the bootloader misses; Secure Boot refuses \
             what is not signed",
        ),
        Step::Kernel => Advice::new(
            "its kernel was fetched and no installer reported: the console shows whether it lacks a driver for the NIC, or \
             cannot reach metalman's serve URL",
        ),
        Step::InstallerStarted | Step::ImageWriting => {
            Advice::new("its installer fell silent: the console shows why; a disk that fails or is missing is most likely")
        }
        Step::Installed => Advice::new(
            "it is installed and did not start again: see the console, and that its disk is in the firmware's boot order",
        ),
        Step::Rebooted | Step::Attested | Step::CloudInit => Advice::new(format!(
            "the system runs and Node {node} did not come: see the kubelet's log on {}, and pending certificate requests",
            machine.host().unwrap_or("the host")
        ))
        .with("kubectl get csr"),
        Step::Joined => Advice::new(format!("see why Node {node} is not Ready; often its network plugin is missing"))
            .with(format!("kubectl describe node {node}")),
        Step::Ready => return None,
    })
}

/// The MACs that metalman answers for this Machine.
fn macs(machine: &Machine) -> String {
    let macs: Vec<&str> = machine.dhcp_leases().iter().map(|lease| lease.mac.as_str()).collect();
    if macs.is_empty() { "spec.pxe.dhcpLeases, which is empty".to_owned() } else { macs.join(", ") }
}
