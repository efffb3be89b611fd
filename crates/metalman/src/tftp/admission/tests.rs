use super::*;

fn peer(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

#[test]
fn a_repeated_request_is_one_request() {
    let admission = Admission::new(Limits::default());
    let ticket = admission.admit(peer(1), b"a").expect("the first");
    assert_eq!(admission.admit(peer(1), b"a").err(), Some(Refused::Duplicate));
    let other = admission.admit(peer(1), b"b").expect("another file from the same port");
    assert_eq!(admission.admit(peer(1), b"b").err(), Some(Refused::Duplicate));
    // The older one ends without taking the newer one's place.
    drop(ticket);
    assert_eq!(admission.admit(peer(1), b"b").err(), Some(Refused::Duplicate));
    drop(other);
    assert!(admission.admit(peer(1), b"b").is_ok());
}

#[test]
fn room_is_given_back() {
    let admission = Admission::new(Limits { transfers: 3, of_peer: 2 });
    let mut held: Vec<_> = (1..=2).map(|port| admission.admit(peer(port), b"a").expect("room")).collect();
    assert_eq!(admission.admit(peer(3), b"a").err(), Some(Refused::PeerBusy));
    let elsewhere = SocketAddr::from(([127, 0, 0, 2], 1));
    held.push(admission.admit(elsewhere, b"a").expect("room for another peer"));
    assert_eq!(admission.admit(([127, 0, 0, 3], 1).into(), b"a").err(), Some(Refused::ServerBusy));
    held.clear();
    assert!(lock(&admission.state).peers.is_empty() && lock(&admission.state).ports.is_empty());
    assert!(admission.admit(peer(3), b"a").is_ok());
}
