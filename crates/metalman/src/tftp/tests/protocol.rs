//! Packet by packet.

use std::sync::atomic::{AtomicU32, Ordering};

use metalman_core::tftp::{Mode, Outcome, ack, request};

use super::*;

fn rrq(name: &str, options: &[(&str, u64)]) -> Vec<u8> {
    request(name, Mode::Octet, options)
}

fn is_error(packet: &[u8], code: u8, text: &str) -> bool {
    packet[..4] == [0, 5, 0, code] && packet[4..].starts_with(text.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_has_a_port_of_its_own() {
    let fixture = Fixture::start(|name| Ok(name.as_bytes().to_vec()));
    let client = fixture.client();
    client.ask(&rrq("\\EFI\\boot.efi", &[]));
    let (data, from) = client.hear();
    assert_eq!(data, b"\0\x03\0\x01\\EFI\\boot.efi");
    assert_ne!(from.port(), fixture.at.port());
    client.tell(&ack(1), from);
    fixture.until("the end", |metrics| metrics.count(Some(Outcome::Completed)) == 1 && metrics.count_active() == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_size_probe_is_counted_apart() {
    let fixture = Fixture::start(|_| Ok(content(100_000)));
    let client = fixture.client();
    client.ask(&rrq("file", &[("tsize", 0), ("blksize", 1468)]));
    let (oack, from) = client.hear();
    assert_eq!(oack, b"\0\x06blksize\x001468\0tsize\x00100000\0");
    client.tell(b"\0\x05\0\0TFTP Aborted\0", from);
    fixture.until("the end", |metrics| metrics.count(Some(Outcome::Probed)) == 1);
    client.hears_nothing();
    // The firmware comes back from the same port, for the file this time.
    client.ask(&rrq("file", &[("blksize", 1468)]));
    assert_eq!(client.hear().0, b"\0\x06blksize\x001468\0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_begins_one_transfer() {
    let opened = Arc::new(AtomicU32::new(0));
    let count = opened.clone();
    let fixture = Fixture::start(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        Ok(content(600))
    });
    let client = fixture.client();
    for _ in 0..5 {
        client.ask(&rrq("file", &[]));
    }
    let (data, from) = client.hear();
    assert_eq!(data[..4], [0, 3, 0, 1]);
    fixture.until("refusals", |metrics| metrics.count_refused(Refused::Duplicate) == 4);
    client.tell(&ack(1), from);
    assert_eq!((client.hear().0.len(), opened.load(Ordering::Relaxed)), (4 + 600 - 512, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_told_and_disturb_nothing() {
    let fixture = Fixture::start(|_| Ok(content(600)));
    let (client, stranger) = (fixture.client(), fixture.client());
    client.ask(&rrq("file", &[]));
    let (_, from) = client.hear();
    for packet in [&ack(1)[..], b"\0\x05\0\0stop\0"] {
        stranger.tell(packet, from);
        assert!(is_error(&stranger.hear().0, 5, "unknown transfer"));
    }
    client.hears_nothing();
    client.tell(&ack(1), from);
    assert_eq!(client.hear().0[..4], [0, 3, 0, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_served_is_refused_in_few_words() {
    let fixture = Fixture::start(|name| match name {
        "machine" => Err(BootError::UnknownMachine),
        "template" => Err(BootError::Failed("grub.cfg.tmpl:3:7: no such field".to_owned())),
        _ => Err(BootError::NotFound),
    });
    let client = fixture.client();
    for (packet, code, text, reason) in [
        (rrq("../../etc/passwd", &[]), 1, "no such file", Refused::NotFound),
        (rrq("machine", &[]), 2, "unknown machine", Refused::UnknownMachine),
        (rrq("template", &[]), 0, "grub.cfg.tmpl:3:7: no such field", Refused::Failed),
        (b"\0\x02file\0octet\0".to_vec(), 2, "read only", Refused::Write),
        (b"\0\x01file\0mail\0".to_vec(), 4, "only octet and netascii", Refused::Mode),
        (b"\0\x01file".to_vec(), 4, "malformed request", Refused::Malformed),
        (b"\0\x01\xff\xfe\0octet\0".to_vec(), 1, "no such file", Refused::NotFound),
    ] {
        client.ask(&packet);
        let (answer, from) = client.hear();
        assert!(is_error(&answer, code, text), "{}: {}", packet.escape_ascii(), answer.escape_ascii());
        assert_ne!(from.port(), fixture.at.port());
        fixture.until("it is counted", |metrics| counted(metrics, reason));
    }
    for packet in [&ack(0)[..], b"\0\x05\0\0error\0", b"\0\x03\0\x01data", b"\0\x06tsize\x000\0", b"\0\x09", b"", b"\0"]
    {
        client.ask(packet);
    }
    client.hears_nothing();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_on_its_way_is_waited_for() {
    let asked = AtomicU32::new(0);
    let fixture = Fixture::start(move |name| match (name, asked.fetch_add(1, Ordering::Relaxed)) {
        ("soon", 2..) => Ok(b"here".to_vec()),
        _ => Err(BootError::NotYet),
    });
    let (client, other) = (fixture.client(), fixture.client());
    client.ask(&rrq("soon", &[]));
    client.ask(&rrq("soon", &[]));
    let (data, from) = client.hear();
    assert_eq!(data, b"\0\x03\0\x01here");
    client.tell(&ack(1), from);
    other.ask(&rrq("late", &[]));
    assert!(is_error(&other.hear().0, 0, "the netboot image is not here yet"));
    assert_eq!(fixture.metrics.count_refused(Refused::Duplicate), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_takes_more_than_there_is() {
    let fixture = Fixture::with_limits(Limits { transfers: 3, of_peer: 2 }, |_| Ok(content(600)));
    let clients: Vec<Client> = (0..4).map(|_| fixture.client()).collect();
    let (mut served, mut refused) = (0, 0);
    for client in &clients {
        client.ask(&rrq("file", &[]));
        match client.hear().0 {
            data if data[1] == 3 => served += 1,
            answer => {
                assert!(is_error(&answer, 0, "too many transfers at once"), "{}", answer.escape_ascii());
                refused += 1;
            }
        }
    }
    assert_eq!((served, refused, fixture.metrics.count_refused(Refused::PeerBusy)), (2, 2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn transfers_under_way_finish_when_the_server_stops() {
    let mut fixture = Fixture::start(|_| Ok(content(600)));
    let client = fixture.client();
    client.ask(&rrq("file", &[]));
    let (_, from) = client.hear();
    fixture.stop.cancel();
    client.tell(&ack(1), from);
    assert_eq!(client.hear().0[..4], [0, 3, 0, 2]);
    client.tell(&ack(2), from);
    fixture.stopped().await;
    assert_eq!(fixture.metrics.count(Some(Outcome::Completed)), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_that_does_not_finish_is_ended_with_the_server() {
    let mut fixture = Fixture::start(|_| Ok(content(600)));
    let client = fixture.client();
    client.ask(&rrq("file", &[]));
    client.hear();
    fixture.stopped().await;
    assert_eq!((fixture.metrics.count(None), fixture.metrics.count_active()), (1, 0));
    let mut heard = client.hear().0;
    while heard[1] == 3 {
        heard = client.hear().0;
    }
    assert!(is_error(&heard, 0, "the server stops"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_told_with_its_flag() {
    let fixture = Fixture::start(|_| Err(BootError::NotFound));
    let error = Server::bind(fixture.at).expect_err("it is taken").to_string();
    assert!(error.contains("--tftp-port") && error.contains(&fixture.at.to_string()), "{error}");
}

/// Hundreds of clients at once, each with its own options and file.
#[tokio::test(flavor = "multi_thread")]
async fn many_transfers_at_once_do_not_mix() {
    const CLIENTS: usize = 500;
    let size = |name: &str| name.parse::<usize>().unwrap_or(0) * 97;
    let limits = Limits { of_peer: CLIENTS, ..Limits::default() };
    let fixture = Fixture::with_limits(limits, move |name| Ok(content(size(name))));
    let at = fixture.at;
    let mut clients = tokio::task::JoinSet::new();
    for number in 0..CLIENTS {
        clients.spawn(async move {
            let options = [("blksize", 64 + number as u64), ("windowsize", 1 + number as u64 % 9)];
            let got = fetch(at, &number.to_string(), &options).await;
            assert!(got == content(size(&number.to_string())), "{number}: {} bytes", got.len());
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended.expect("the exact bytes");
    }
    fixture.until("all ends", |metrics| metrics.count(Some(Outcome::Completed)) == CLIENTS as u64);
}

async fn fetch(at: SocketAddr, name: &str, options: &[(&'static str, u64)]) -> Vec<u8> {
    use metalman_core::tftp::{Packet, Receiver};
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let began = Instant::now();
    let mut receiver = Receiver::new(name, Mode::Octet, options, Duration::from_secs(1), began.elapsed());
    socket.send_to(receiver.request(), at).await.expect("sent");
    let (mut server, mut got, mut buffer) = (at, Vec::new(), [0; 2048]);
    while !receiver.finished() {
        assert!(began.elapsed() < PATIENCE, "too slow: {} bytes", got.len());
        let pause = receiver.next_deadline().saturating_sub(began.elapsed());
        match tokio::time::timeout(pause, socket.recv_from(&mut buffer)).await {
            Ok(datagram) => {
                let (length, from) = datagram.expect("received");
                server = from;
                let packet = Packet::parse(&buffer[..length]).expect("a packet");
                let reaction = receiver.packet_received(packet, began.elapsed());
                got.extend_from_slice(reaction.data);
                assert_eq!(receiver.failed(), None);
                if let Some(reply) = reaction.reply {
                    socket.send_to(reply.as_ref(), server).await.expect("sent");
                }
            }
            Err(_) => drop(socket.send_to(&receiver.timed_out(began.elapsed()), server).await),
        }
    }
    got
}
