use super::*;
use proptest::prelude::*;

fn written(ipv4: &str, mask: &str, gateway: Option<&str>) -> DhcpLease {
    DhcpLease {
        mac: "52:54:00:00:00:01".into(),
        ipv4: ipv4.into(),
        subnet_mask: mask.into(),
        gateway: gateway.map(str::to_owned),
        ..DhcpLease::default()
    }
}

#[test]
fn a_lease_knows_its_subnet() {
    let lease = Lease::try_from(&written("10.0.3.17", "255.255.254.0", Some("10.0.2.1"))).unwrap();
    assert_eq!(lease.prefix, 23);
    assert_eq!(lease.subnet_mask(), Ipv4Addr::new(255, 255, 254, 0));
    assert_eq!(lease.network(), Ipv4Addr::new(10, 0, 2, 0));
    assert_eq!(lease.broadcast(), Ipv4Addr::new(10, 0, 3, 255));
    assert!(lease.contains(Ipv4Addr::new(10, 0, 2, 1)) && !lease.contains(Ipv4Addr::new(10, 0, 4, 1)));
    assert!(lease.warnings().is_empty());
}

#[test]
fn small_subnets_have_no_reserved_addresses() {
    for (ipv4, mask) in
        [("10.0.0.0", "255.255.255.254"), ("10.0.0.1", "255.255.255.254"), ("10.0.0.5", "255.255.255.255")]
    {
        assert_eq!(Lease::try_from(&written(ipv4, mask, None)).unwrap().warnings(), [""; 0]);
    }
}

#[test]
fn what_does_not_parse_is_named() {
    let error = |lease: &DhcpLease| Lease::try_from(lease).unwrap_err();
    assert_eq!(error(&DhcpLease::default()).field, "mac");
    assert_eq!(error(&written("10.0.0", "255.255.255.0", None)).field, "ipv4");
    assert_eq!(error(&written("10.0.0.1", "255.0.255.0", None)).field, "subnetMask");
    assert_eq!(error(&written("10.0.0.1", "0.0.0.0", None)).field, "subnetMask");
    assert_eq!(error(&written("10.0.0.1", "255.255.255.0", Some("gw"))).field, "gateway");
    let dns = DhcpLease { dns: vec!["10.0.0.53".into(), "x".into()], ..written("10.0.0.1", "255.0.0.0", None) };
    assert_eq!(error(&dns).to_string(), "dns \"x\" is not an IPv4 address such as 10.0.0.11");
    let mtu = DhcpLease { mtu: Some(-1), ..written("10.0.0.1", "255.0.0.0", None) };
    assert_eq!(error(&mtu).field, "mtu");
    let long = written(&"9".repeat(5000), "255.0.0.0", None);
    assert_eq!(error(&long).value.len(), 64);
}

proptest! {
    #[test]
    fn masks_and_lengths_are_one(length in 1_u32..=32, bits: u32) {
        let mask = Ipv4Addr::from_bits(u32::MAX << (32 - length));
        let ipv4 = Ipv4Addr::from_bits(bits);
        let lease = Lease::try_from(&written(&ipv4.to_string(), &mask.to_string(), None)).unwrap();
        prop_assert_eq!(u32::from(lease.prefix), length);
        prop_assert_eq!(lease.subnet_mask(), mask);
        prop_assert!(lease.contains(ipv4) && lease.contains(lease.network()) && lease.contains(lease.broadcast()));
        prop_assert!(lease.network() <= ipv4 && ipv4 <= lease.broadcast());
    }

    #[test]
    fn a_mask_with_a_hole_is_refused(mask: u32) {
        let contiguous = mask != 0 && mask.leading_ones() == mask.count_ones();
        let text = Ipv4Addr::from_bits(mask).to_string();
        prop_assert_eq!(Lease::try_from(&written("10.0.0.1", &text, None)).is_ok(), contiguous);
    }
}
