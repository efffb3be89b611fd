use super::default_route;

const HEADER: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";

#[test]
fn default_route_with_the_lowest_metric() {
    let table = format!(
        "{HEADER}wlan0\t00000000\t010110AC\t0003\t0\t0\t600\t00000000\t0\t0\t0\n\
         eth0\t00000000\t0102A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
         eth1\t0002A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
    );
    assert_eq!(default_route(&table).as_deref(), Some("eth0"));
}

#[test]
fn what_is_no_default_route() {
    for row in [
        "",
        // A blackhole: RTF_REJECT.
        "lo\t00000000\t00000000\t0200\t0\t0\t0\t00000000\t0\t0\t0\n",
        // Half of the address space, which VPNs like.
        "tun0\t00000000\t010110AC\t0003\t0\t0\t0\t00000080\t0\t0\t0\n",
        "short\t00000000\n",
    ] {
        assert_eq!(default_route(&format!("{HEADER}{row}")), None, "{row:?}");
    }
    assert_eq!(default_route(""), None);
}
