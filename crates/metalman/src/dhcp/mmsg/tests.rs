use std::{
    net::UdpSocket,
    os::fd::AsFd,
    time::{Duration, Instant},
};

use nix::sys::socket::{setsockopt, sockopt};

use super::*;

fn socket() -> (UdpSocket, SocketAddrV4) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    setsockopt(&socket, sockopt::Ipv4PacketInfo, &true).unwrap();
    let std::net::SocketAddr::V4(at) = socket.local_addr().unwrap() else { panic!("IPv4") };
    (socket, at)
}

/// Receives until that many came.
fn receive(inbox: &mut Inbox, socket: &UdpSocket, wanted: usize) -> Vec<(Vec<u8>, bool, SocketAddrV4, Ipv4Addr, u32)> {
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut all = Vec::new();
    while all.len() < wanted {
        match inbox.receive(socket.as_fd()) {
            Ok(_) => {
                assert!(inbox.received().next().is_some(), "nothing is told by an error");
                all.extend(inbox.received().map(|r| (r.payload.to_vec(), r.truncated, r.from, r.to, r.interface)));
            }
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
        }
        assert!(Instant::now() < deadline, "{} of {wanted} came", all.len());
    }
    all
}

#[test]
fn batches_arrive_whole_and_in_order_with_their_addresses() {
    let ((one, from), (two, to)) = (socket(), socket());
    let (mut outbox, mut inbox) = (Outbox::new(), Inbox::new());
    // 127/8 is all local: the source is chosen for each datagram.
    for n in 0..BATCH {
        let source = Ipv4Addr::new(127, 0, 0, 1 + u8::try_from(n % 2).unwrap());
        let target = Target::Udp { from: source, to, interface: 0 };
        assert!(outbox.push(target, |payload| payload.extend_from_slice(format!("datagram {n}").as_bytes())));
    }
    assert!(!outbox.push(Target::Udp { from: *from.ip(), to, interface: 0 }, |_| {}), "the batch is full");
    // One call sends from the bound socket, whose address the control message overrides.
    let any = UdpSocket::bind("0.0.0.0:0").unwrap();
    drop(one);
    assert_eq!(outbox.flush(any.as_fd(), |error| panic!("{error}")), BATCH);
    let all = receive(&mut inbox, &two, BATCH);
    for (n, (payload, truncated, from, to, interface)) in all.iter().enumerate() {
        assert_eq!(payload, format!("datagram {n}").as_bytes());
        assert!(!truncated);
        assert_eq!(from.ip().octets()[3], 1 + u8::try_from(n % 2).unwrap());
        assert_eq!(to, &Ipv4Addr::LOCALHOST);
        assert_ne!(*interface, 0, "the loopback has an index");
    }
    assert_eq!(inbox.receive(two.as_fd()).unwrap_err().kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn what_is_longer_than_a_buffer_is_marked() {
    let ((one, _), (two, to)) = (socket(), socket());
    one.send_to(&[7; PAYLOAD + 1], to).unwrap();
    one.send_to(&[8; PAYLOAD], to).unwrap();
    let all = receive(&mut Inbox::new(), &two, 2);
    assert_eq!(
        all.iter().map(|(payload, cut, ..)| (payload.len(), *cut)).collect::<Vec<_>>(),
        [(PAYLOAD, true), (PAYLOAD, false)]
    );
}

#[test]
fn a_datagram_that_cannot_leave_costs_only_itself() {
    let ((one, from), (two, to)) = (socket(), socket());
    let mut outbox = Outbox::new();
    for (n, source) in [*from.ip(), Ipv4Addr::new(192, 0, 2, 1), *from.ip()].into_iter().enumerate() {
        outbox.push(Target::Udp { from: source, to, interface: 0 }, |payload| payload.push(u8::try_from(n).unwrap()));
    }
    let mut failures = 0;
    assert_eq!(outbox.flush(one.as_fd(), |_| failures += 1), 2);
    assert_eq!(failures, 1, "this host is not 192.0.2.1");
    let all = receive(&mut Inbox::new(), &two, 2);
    assert_eq!(all.iter().map(|(payload, ..)| payload[0]).collect::<Vec<_>>(), [0, 2]);
    assert_eq!(outbox.flush(one.as_fd(), |_| ()), 0, "a flush empties it");
}

#[test]
fn what_goes_to_one_place_in_equal_lengths_arrives_as_single_datagrams() {
    let ((one, from), (two, to)) = (socket(), socket());
    let (mut outbox, mut inbox) = (Outbox::new(), Inbox::new());
    // Of 1400 octets, 46 would be the most that one UDP packet holds.
    let lengths = [vec![300; 5], vec![320], vec![300; 2], vec![1400; 50]].concat();
    for (n, length) in lengths.iter().enumerate() {
        let first = u8::try_from(n).unwrap();
        let write = |payload: &mut Vec<u8>| {
            payload.push(first);
            payload.resize(*length, 0);
        };
        assert!(outbox.push(Target::Udp { from: *from.ip(), to, interface: 0 }, write));
    }
    let runs: Vec<usize> = [0, 4, 5, 6, 8, 54].map(|at| outbox.run(at)).into();
    assert_eq!(runs, [5, 1, 1, 2, 46, 4]);
    assert_eq!(outbox.flush(one.as_fd(), |error| panic!("{error}")), lengths.len());
    let all = receive(&mut inbox, &two, lengths.len());
    let seen: Vec<(usize, usize)> = all.iter().map(|(payload, ..)| (usize::from(payload[0]), payload.len())).collect();
    assert_eq!(seen, lengths.into_iter().enumerate().collect::<Vec<_>>());
}

#[test]
fn a_run_that_cannot_leave_is_told_datagram_by_datagram() {
    let ((one, from), (two, to)) = (socket(), socket());
    let mut outbox = Outbox::new();
    let nowhere = Ipv4Addr::new(192, 0, 2, 1);
    for (n, source) in [nowhere, nowhere, nowhere, *from.ip(), *from.ip()].into_iter().enumerate() {
        outbox.push(Target::Udp { from: source, to, interface: 0 }, |payload| payload.push(u8::try_from(n).unwrap()));
    }
    let mut failures = 0;
    assert_eq!(outbox.flush(one.as_fd(), |_| failures += 1), 2);
    assert_eq!(failures, 3);
    let all = receive(&mut Inbox::new(), &two, 2);
    assert_eq!(all.iter().map(|(payload, ..)| payload[0]).collect::<Vec<_>>(), [3, 4]);
}

#[test]
fn what_the_kernel_kept_together_is_cut_apart() {
    let ((one, from), (two, to)) = (socket(), socket());
    setsockopt(&two, sockopt::UdpGroSegment, &true).unwrap();
    let (mut outbox, mut inbox) = (Outbox::new(), Inbox::new());
    for n in 0..BATCH {
        let write = |payload: &mut Vec<u8>| {
            payload.push(u8::try_from(n).unwrap());
            payload.resize(320, 0);
        };
        assert!(outbox.push(Target::Udp { from: *from.ip(), to, interface: 0 }, write));
    }
    assert_eq!(outbox.flush(one.as_fd(), |error| panic!("{error}")), BATCH);
    let mut all = receive(&mut inbox, &two, BATCH);
    assert_eq!(inbox.metas.len(), 1, "the row came as one message");
    one.send_to(&[], to).unwrap();
    one.send_to(&[99; PAYLOAD + 1], to).unwrap();
    all.extend(receive(&mut inbox, &two, 2));
    let seen: Vec<(Option<u8>, usize, bool)> =
        all.iter().map(|(payload, cut, ..)| (payload.first().copied(), payload.len(), *cut)).collect();
    let row = (0..BATCH).map(|n| (u8::try_from(n).ok(), 320, false));
    assert_eq!(seen, row.chain([(None, 0, false), (Some(99), PAYLOAD, true)]).collect::<Vec<_>>());
    for (_, _, source, address, interface) in all {
        assert_eq!((source, address), (from, Ipv4Addr::LOCALHOST));
        assert_ne!(interface, 0);
    }
}

#[test]
fn a_row_whose_last_datagram_is_shorter_is_cut_where_it_was_joined() {
    let (mut inbox, payload) = (Inbox::new(), b"aaabbbc");
    inbox.payloads[..payload.len()].copy_from_slice(payload);
    let (from, address) = (SocketAddrV4::new(Ipv4Addr::LOCALHOST, 67), Ipv4Addr::LOCALHOST);
    inbox.metas.push(Meta { length: 7, segment: 3, truncated: false, from, to: address, local: address, interface: 1 });
    let pieces: Vec<&[u8]> = inbox.received().map(|received| received.payload).collect();
    assert_eq!(pieces, [b"aaa".as_slice(), b"bbb", b"c"]);
}
