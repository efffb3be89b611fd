use super::*;

#[test]
fn sub_options_by_their_codes() {
    let bytes = [1, 2, b'e', b'0', 5, 4, 10, 0, 0, 0, 11, 4, 10, 0, 0, 1, 9, 0];
    let information = RelayAgentInformation(&bytes);
    assert_eq!(information.get(1), Some(&b"e0"[..]));
    assert_eq!(information.get(9), Some(&[][..]));
    assert_eq!(information.get(2), None);
    assert_eq!(information.link_selection(), Some(Ipv4Addr::new(10, 0, 0, 0)));
    assert_eq!(information.server_identifier_override(), Some(Ipv4Addr::new(10, 0, 0, 1)));
}

#[test]
fn broken_ones_are_not_there() {
    assert_eq!(RelayAgentInformation(&[5, 4, 10, 0, 0]).link_selection(), None, "truncated");
    assert_eq!(RelayAgentInformation(&[5, 3, 10, 0, 0]).link_selection(), None, "no address");
    assert_eq!(RelayAgentInformation(&[1, 200, 5, 4, 10, 0, 0, 0]).link_selection(), None, "hidden");
    assert_eq!(RelayAgentInformation(&[5]).link_selection(), None);
    assert_eq!(RelayAgentInformation(&[]).link_selection(), None);
}
