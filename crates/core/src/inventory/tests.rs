use super::*;
use crate::api::conditions::{ConditionStatus, reason};
use crate::api::labels;
use crate::api::spec::{DhcpLease, PxeSpec};
use crate::api::{MachineSpec, MachineStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use proptest::prelude::*;

fn lease(mac: u8, ipv4: u8) -> DhcpLease {
    DhcpLease {
        mac: format!("52:54:00:00:00:{mac:02X}"),
        ipv4: format!("10.0.0.{ipv4}"),
        subnet_mask: "255.255.255.0".into(),
        gateway: Some("10.0.0.1".into()),
        ..DhcpLease::default()
    }
}

fn machine(name: &str, created: i64, leases: Vec<DhcpLease>) -> Machine {
    let pxe = PxeSpec { image: "r/i:1".into(), dhcp_leases: leases, ..PxeSpec::default() };
    let mut machine = Machine::new(name, MachineSpec { pxe: Some(pxe), ..MachineSpec::default() });
    machine.metadata.creation_timestamp = Some(Time(Timestamp::from_second(created).unwrap()));
    machine
}

fn index(machines: impl IntoIterator<Item = Machine>) -> Inventory {
    let mut inventory = Inventory::new(Selection::NoSite);
    for machine in machines {
        inventory.apply(Arc::new(machine));
    }
    inventory
}

fn mac(last: u8) -> MacAddr {
    MacAddr::new([0x52, 0x54, 0, 0, 0, last])
}

fn served_by(inventory: &Inventory, last: u8) -> Option<&str> {
    inventory.by_mac(mac(last)).served().map(|(machine, _)| machine.name())
}

#[test]
fn a_machine_is_found_by_each_of_its_nics_and_addresses() {
    let inventory = index([machine("a", 1, vec![lease(0xa1, 11), lease(0xa2, 12)])]);
    let (found, lease) = inventory.by_mac(mac(0xa2)).served().unwrap();
    assert_eq!((found.name(), lease.ipv4), ("a", Ipv4Addr::new(10, 0, 0, 12)));
    let (_, lease) = inventory.by_ipv4(Ipv4Addr::new(10, 0, 0, 11)).served().unwrap();
    assert_eq!(lease.mac, mac(0xa1));
    assert!(matches!(inventory.by_mac(mac(0xa3)), Lookup::Unknown));
    assert!(matches!(inventory.by_ipv4(Ipv4Addr::new(10, 0, 0, 13)), Lookup::Unknown));
    let observation = inventory.leases_valid("a").unwrap();
    assert_eq!((observation.status, observation.reason), (ConditionStatus::True, reason::VALID));
}

#[test]
fn the_older_keeps_a_disputed_mac_and_both_are_named() {
    let inventory = index([machine("young", 20, vec![lease(1, 12)]), machine("old", 10, vec![lease(1, 11)])]);
    assert_eq!(served_by(&inventory, 1), Some("old"));
    assert!(!inventory.is_served("young"));

    let lost = inventory.leases_valid("young").unwrap();
    assert_eq!((lost.status, lost.reason), (ConditionStatus::False, reason::DUPLICATE));
    assert_eq!(lost.message, "mac 52:54:00:00:00:01 is held by the older Machine old; young is not served");
    let held = inventory.leases_valid("old").unwrap();
    assert_eq!((held.status, held.reason), (ConditionStatus::True, reason::WARNING));
    assert_eq!(held.message, "mac 52:54:00:00:00:01 is also claimed by Machine young; old is older and is served");
    // The young one's own address leads to it, but it is refused there as well.
    assert!(
        matches!(inventory.by_ipv4(Ipv4Addr::new(10, 0, 0, 12)), Lookup::Refused(entry) if entry.machine().name() == "young")
    );
}

#[test]
fn machines_of_one_second_are_ranked_by_name() {
    let inventory = index([machine("b", 10, vec![lease(2, 11)]), machine("a", 10, vec![lease(1, 11)])]);
    assert_eq!(inventory.by_ipv4(Ipv4Addr::new(10, 0, 0, 11)).served().unwrap().0.name(), "a");
    assert!(inventory.leases_valid("b").unwrap().message.contains("ipv4 10.0.0.11 is held by the older Machine a"));
}

#[test]
fn a_dispute_does_not_spread() {
    // b loses to a, and c disputes only what b has: c still loses to b, and does not gain by b's defeat.
    let inventory = index([
        machine("a", 1, vec![lease(1, 11)]),
        machine("b", 2, vec![lease(1, 12), lease(2, 13)]),
        machine("c", 3, vec![lease(2, 14)]),
        machine("d", 4, vec![lease(4, 15)]),
    ]);
    assert_eq!(["a", "b", "c", "d"].map(|name| inventory.is_served(name)), [true, false, false, true]);
}

#[test]
fn removal_settles_a_dispute_and_says_whom_it_affects() {
    let mut inventory = index([machine("old", 10, vec![lease(1, 11)]), machine("young", 20, vec![lease(1, 12)])]);
    let affected = inventory.remove("old");
    assert_eq!(affected.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["old", "young"]);
    assert_eq!(served_by(&inventory, 1), Some("young"));
    assert_eq!(inventory.leases_valid("young").unwrap().reason, reason::VALID);
    assert!(inventory.leases_valid("old").is_none());
    assert!(inventory.remove("old").is_empty());
}

#[test]
fn a_status_change_keeps_the_index_and_refreshes_the_machine() {
    let mut inventory = index([machine("a", 1, vec![lease(1, 11)])]);
    let mut changed = machine("a", 1, vec![lease(1, 11)]);
    changed.status = Some(MachineStatus { message: Some("new".into()), ..MachineStatus::default() });
    assert_eq!(inventory.apply(Arc::new(changed)).len(), 1);
    let (found, _) = inventory.by_mac(mac(1)).served().unwrap();
    assert_eq!(found.status.as_ref().unwrap().message.as_deref(), Some("new"));
}

#[test]
fn an_older_rival_takes_a_machine_out_of_every_table_at_once() {
    let mut inventory = index([machine("young", 20, vec![lease(1, 11), lease(2, 12)])]);
    inventory.apply(Arc::new(machine("old", 10, vec![lease(3, 12)])));
    assert_eq!(
        (served_by(&inventory, 1), served_by(&inventory, 2), served_by(&inventory, 3)),
        (None, None, Some("old"))
    );
    let address = |last| Ipv4Addr::new(10, 0, 0, last);
    assert!(matches!(inventory.by_ipv4(address(11)), Lookup::Refused(entry) if entry.machine().name() == "young"));
    assert_eq!(inventory.by_ipv4(address(12)).served().unwrap().0.name(), "old");

    // It gives the address up: everything is young's again.
    inventory.apply(Arc::new(machine("old", 10, vec![lease(3, 13)])));
    assert_eq!(
        (served_by(&inventory, 1), served_by(&inventory, 2), served_by(&inventory, 3)),
        (Some("young"), Some("young"), Some("old"))
    );
    assert_eq!(inventory.by_ipv4(address(12)).served().unwrap().0.name(), "young");
}

#[test]
fn a_changed_lease_is_served_at_once_and_the_former_one_no_longer() {
    let mut inventory = index([machine("a", 1, vec![lease(1, 11), lease(2, 12)])]);
    inventory.apply(Arc::new(machine("a", 1, vec![lease(1, 21)])));
    assert_eq!(inventory.by_mac(mac(1)).served().unwrap().1.ipv4, Ipv4Addr::new(10, 0, 0, 21));
    assert!(matches!(inventory.by_mac(mac(2)), Lookup::Unknown));
    assert!(matches!(inventory.by_ipv4(Ipv4Addr::new(10, 0, 0, 11)), Lookup::Unknown));
    assert_eq!((inventory.served_macs.len(), inventory.served_ipv4s.len()), (1, 1));
}

#[test]
fn of_several_leases_for_one_nic_the_first_is_served() {
    let inventory = index([machine("a", 1, vec![lease(1, 11), lease(1, 12)])]);
    assert_eq!(inventory.by_mac(mac(1)).served().unwrap().1.ipv4, Ipv4Addr::new(10, 0, 0, 11));
}

#[test]
fn another_site_disputes_nothing_and_relabelling_moves_a_machine() {
    let mut elsewhere = machine("b", 1, vec![lease(1, 11)]);
    elsewhere.metadata.labels = Some([(labels::SITE.to_owned(), "rack2".to_owned())].into());
    let mut inventory = index([machine("a", 5, vec![lease(1, 11)]), elsewhere.clone()]);
    assert_eq!((inventory.len(), served_by(&inventory, 1)), (1, Some("a")));

    let mut moved = machine("a", 5, vec![lease(1, 11)]);
    moved.metadata.labels.clone_from(&elsewhere.metadata.labels);
    inventory.apply(Arc::new(moved));
    assert!(inventory.is_empty());
}

#[test]
fn what_looks_wrong_is_a_warning_and_served() {
    let cases = [
        ("10.0.0.11", "255.255.255.0", "192.0.2.1", "gateway 192.0.2.1 is outside the subnet 10.0.0.0/24 of 10.0.0.11"),
        ("10.0.0.0", "255.255.255.0", "10.0.0.1", "ipv4 10.0.0.0 is the network address of 10.0.0.0/24"),
        ("10.0.0.255", "255.255.255.0", "10.0.0.1", "ipv4 10.0.0.255 is the broadcast address of 10.0.0.0/24"),
        ("10.0.0.11", "255.255.255.0", "10.0.0.11", "gateway 10.0.0.11 is the lease's own address"),
        ("224.0.0.5", "255.255.255.0", "224.0.0.1", "ipv4 224.0.0.5 is not an address that a host can have"),
    ];
    for (ipv4, mask, gateway, expected) in cases {
        let lease =
            DhcpLease { ipv4: ipv4.into(), subnet_mask: mask.into(), gateway: Some(gateway.into()), ..lease(1, 1) };
        let inventory = index([machine("a", 1, vec![lease])]);
        let observation = inventory.leases_valid("a").unwrap();
        assert_eq!((observation.status, observation.reason), (ConditionStatus::True, reason::WARNING));
        assert_eq!(observation.message, expected);
        assert!(inventory.is_served("a"));
    }
}

#[test]
fn a_lease_that_does_not_parse_is_named_and_the_machine_not_served() {
    let broken = DhcpLease { subnet_mask: "255.0.255.0".into(), ..lease(2, 12) };
    let inventory = index([machine("a", 1, vec![lease(1, 11), broken])]);
    let observation = inventory.leases_valid("a").unwrap();
    assert_eq!((observation.status, observation.reason), (ConditionStatus::False, reason::INVALID));
    assert_eq!(
        observation.message,
        "spec.pxe.dhcpLeases[1].subnetMask \"255.0.255.0\" is not a contiguous IPv4 mask such as 255.255.255.0"
    );
    assert!(matches!(inventory.by_mac(mac(1)), Lookup::Refused(_)));
}

#[test]
fn messages_stay_short() {
    let old = machine("old", 1, (0..30).map(|n| lease(n, n + 1)).collect());
    let young = machine("young", 2, (0..30).map(|n| lease(n, n + 101)).collect());
    let inventory = index([old, young]);
    let message = inventory.leases_valid("young").unwrap().message;
    assert!(message.ends_with("; and 26 more"), "{message}");
}

#[test]
fn a_machine_without_leases_gets_no_condition() {
    let inventory = index([machine("a", 1, Vec::new())]);
    assert!(inventory.leases_valid("a").is_none());
    assert!(inventory.is_served("a"));
}

#[derive(Clone, Debug)]
enum Step {
    Apply(Box<Machine>),
    Remove(String),
    Replace(Vec<Machine>),
}

fn any_machine() -> impl Strategy<Value = Machine> {
    // Few names, NICs and addresses, so that disputes and recreations are the rule.
    let leases = prop::collection::vec((0_u8..5, 1_u8..6, any::<bool>()), 0..3);
    (0_u8..6, 0_i64..4, leases, prop::option::weighted(0.2, Just("rack2"))).prop_map(|(name, created, leases, site)| {
        let leases = leases.into_iter().map(|(mac, ipv4, broken)| {
            let mut lease = lease(mac, ipv4);
            if broken && mac == 0 {
                lease.ipv4 = "10.0.0".into();
            }
            lease
        });
        let mut machine = machine(&format!("m{name}"), created, leases.collect());
        machine.metadata.labels = site.map(|site| [(labels::SITE.to_owned(), site.to_owned())].into());
        machine
    })
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => any_machine().prop_map(|machine| Step::Apply(Box::new(machine))),
        2 => (0_u8..6).prop_map(|name| Step::Remove(format!("m{name}"))),
        1 => prop::collection::vec(any_machine(), 0..6).prop_map(Step::Replace),
    ]
}

proptest! {
    #[test]
    fn any_history_ends_in_the_index_of_its_survivors(steps in prop::collection::vec(any_step(), 0..40)) {
        let mut inventory = Inventory::new(Selection::NoSite);
        let mut survivors: BTreeMap<String, Machine> = BTreeMap::new();
        for step in steps {
            let before = inventory.clone();
            let affected = match step {
                Step::Apply(machine) => {
                    survivors.insert(machine.name().to_owned(), (*machine).clone());
                    inventory.apply(Arc::new(*machine))
                }
                Step::Remove(name) => {
                    survivors.remove(&name);
                    inventory.remove(&name)
                }
                Step::Replace(machines) => {
                    survivors = machines.iter().map(|machine| (machine.name().to_owned(), machine.clone())).collect();
                    inventory.replace(machines.into_iter().map(Arc::new))
                }
            };
            prop_assert_eq!(&inventory, &index(survivors.values().cloned()));

            // Whoever's condition changed was announced.
            for name in (0..6).map(|name| format!("m{name}")) {
                if before.leases_valid(&name) != inventory.leases_valid(&name) {
                    prop_assert!(affected.contains(name.as_str()), "{} changed unannounced", name);
                }
            }
        }
    }

    #[test]
    fn lookups_agree_with_the_conditions(machines in prop::collection::vec(any_machine(), 0..12)) {
        let inventory = index(machines);
        for machine in inventory.machines() {
            let condition = inventory.leases_valid(machine.name());
            let served = inventory.is_served(machine.name());
            prop_assert_eq!(served, condition.is_none_or(|condition| condition.status == ConditionStatus::True));
            for lease in inventory.get(machine.name()).unwrap().leases() {
                let by_mac = inventory.by_mac(lease.mac).served().map(|(found, _)| found.name());
                prop_assert_eq!(by_mac == Some(machine.name()), served);
                let by_ipv4 = inventory.by_ipv4(lease.ipv4).served().map(|(found, _)| found.name());
                prop_assert_eq!(by_ipv4 == Some(machine.name()), served);
            }
        }
    }
}
