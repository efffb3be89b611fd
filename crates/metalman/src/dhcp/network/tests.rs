use metalman_core::api::spec::DhcpLease;

use super::*;

fn nic(addresses: &[&str]) -> Nic {
    let addresses = addresses.iter().map(|a| a.parse().unwrap()).collect();
    Nic { name: "eth0".into(), state: State::Here { index: 2, up: true, addresses } }
}

fn lease(ipv4: &str) -> Lease {
    let lease: DhcpLease = serde_json::from_value(serde_json::json!({
        "mac": "02:00:00:00:00:01", "ipv4": ipv4, "subnetMask": "255.255.255.0",
    }))
    .unwrap();
    Lease::try_from(&lease).unwrap()
}

#[test]
fn a_client_is_answered_from_its_own_subnet() {
    let nic = nic(&["10.0.0.1", "10.0.1.1"]);
    let from = |ipv4: &str| nic.address_for(Some(&lease(ipv4))).unwrap().to_string();
    assert_eq!(from("10.0.1.7"), "10.0.1.1");
    assert_eq!(from("10.0.0.7"), "10.0.0.1");
    assert_eq!(from("192.0.2.7"), "10.0.0.1", "behind a router: from the primary address");
    assert_eq!(nic.address_for(None).unwrap().to_string(), "10.0.0.1");
}

#[test]
fn nothing_is_answered_without_an_address() {
    assert_eq!(nic(&[]).problem(), Some("the interface has no IPv4 address"));
    assert_eq!(nic(&[]).address_for(None), None);
    let gone = Nic { name: "eth0".into(), state: State::Gone };
    assert!(gone.problem().is_some() && gone.index().is_none() && gone.address_for(None).is_none());
    let addresses = vec![Ipv4Addr::new(10, 0, 0, 1)];
    let down = Nic { name: "eth0".into(), state: State::Here { index: 2, up: false, addresses } };
    assert_eq!(down.problem(), Some("the interface is down"));
    assert_eq!(nic(&["10.0.0.1"]).problem(), None);
}

#[test]
fn interfaces_are_found_and_missed() {
    let nics = look(["lo", "none-such"].into_iter(), None);
    assert!(nics[0].index().is_some());
    assert_eq!(nics[1].state, State::Gone);
    let bound = look(["lo"].into_iter(), Some(Ipv4Addr::new(192, 0, 2, 1)));
    assert_eq!(bound[0].address_for(None), Some(Ipv4Addr::new(192, 0, 2, 1)), "the bind address is the only one");
    assert!(is_label_of("eth0:1", "eth0") && !is_label_of("eth01", "eth0"));
}
