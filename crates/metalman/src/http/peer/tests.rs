use http::HeaderValue;

use super::*;

fn seen(connection: &str, forwarded: &[&str], trusted: &[&str]) -> Option<String> {
    let mut headers = HeaderMap::new();
    for field in forwarded {
        headers.append(FORWARDED, HeaderValue::from_str(field).expect("a field value"));
    }
    let trusted: Vec<Cidr> = trusted.iter().map(|cidr| cidr.parse().expect("a network")).collect();
    address(connection.parse().expect("an address"), &headers, &trusted).map(|address| address.to_string())
}

#[test]
fn only_trusted_proxies_are_believed() {
    let proxies = ["10.9.0.0/24", "fd00::/64"];
    for (connection, forwarded, expected) in [
        // A machine that forges the header.
        ("10.0.0.5", &["10.0.0.6"][..], Some("10.0.0.5")),
        ("10.0.0.5", &[], Some("10.0.0.5")),
        ("::ffff:10.0.0.5", &[], Some("10.0.0.5")),
        ("10.9.0.1", &["10.0.0.6"], Some("10.0.0.6")),
        ("::ffff:10.9.0.1", &["10.0.0.6"], Some("10.0.0.6")),
        // What the machine itself sent stands to the left of what the proxy appended.
        ("10.9.0.1", &["10.0.0.7, 10.0.0.6"], Some("10.0.0.6")),
        ("10.9.0.1", &["10.0.0.7", "10.0.0.6"], Some("10.0.0.6")),
        // Two proxies in a row.
        ("10.9.0.1", &["10.0.0.7, 10.0.0.6, 10.9.0.2"], Some("10.0.0.6")),
        ("fd00::1", &["10.0.0.6"], Some("10.0.0.6")),
        ("10.9.0.1", &["10.0.0.6:4711"], Some("10.0.0.6")),
        ("10.9.0.1", &["[::ffff:10.0.0.6]:4711"], Some("10.0.0.6")),
        ("10.9.0.1", &["unknown"], None),
        ("10.9.0.1", &["10.0.0.6, unknown"], None),
        // Nonsense to the left of the machine's address was sent by the machine.
        ("10.9.0.1", &["unknown, 10.0.0.6"], Some("10.0.0.6")),
        // The proxy asks for itself.
        ("10.9.0.1", &[], Some("10.9.0.1")),
    ] {
        assert_eq!(seen(connection, forwarded, &proxies).as_deref(), expected, "{connection} {forwarded:?}");
    }
    assert_eq!(seen("10.9.0.1", &["10.0.0.6"], &[]).as_deref(), Some("10.9.0.1"));
}
