//! Connections that misbehave, on the TLS port. After each the server answers others at once.

use std::{net::Shutdown, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::{
    child::{DEADLINE, Server, Site, until},
    http::map,
    raw::{Wire, read_reply, request},
};

pub(crate) const MAPS: &str = "/api/v1/namespaces/default/configmaps";
pub(crate) const MIB: usize = 1024 * 1024;

/// A server and its port.
pub(crate) async fn started() -> (Site, Server, Wire) {
    let site = Site::new();
    let server = site.start().await;
    let wire = server.wire().await;
    (site, server, wire)
}

/// Reads until the peer closes, and drops what it says.
async fn closed(stream: &mut TcpStream) {
    let mut buffer = [0; 4096];
    let end = async { while matches!(stream.read(&mut buffer).await, Ok(1..)) {} };
    timeout(DEADLINE, end).await.expect("the server closes the connection");
}

#[tokio::test]
async fn bytes_that_are_not_tls_are_dropped() {
    let (_site, server, wire) = started().await;
    let mut random = 0x2545_F491_4F6C_DD1D;
    let mut noise =
        || -> Vec<u8> { (0..2000).map(|_| super::model::next_random(&mut random).to_le_bytes()[0]).collect() };
    let mut garbage = vec![
        b"GET / HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(),
        b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
        vec![0; 70_000],
        vec![0xFF; 70_000],
        // A ClientHello record whose lengths lie.
        [&[22, 3, 1, 0xFF, 0xFF, 1, 0xFF, 0xFF, 0xFF][..], &[0; 500]].concat(),
        [&[22, 3, 1, 0, 5, 1, 0, 0, 1, 0][..], &[0; 500]].concat(),
        // An alert, application data and heartbeat before any handshake.
        vec![21, 3, 3, 0, 2, 2, 0],
        vec![23, 3, 3, 0, 1, 0],
        vec![24, 3, 3, 0, 3, 1, 0x40, 0],
    ];
    garbage.extend((0..50).map(|_| noise()));
    for bytes in garbage {
        let mut stream = wire.tcp().await;
        // It may close before it has read all.
        let _ = stream.write_all(&bytes).await;
        let _ = stream.shutdown().await;
        closed(&mut stream).await;
    }
    // Noise inside of an established session.
    for _ in 0..10 {
        let mut stream = wire.tls().await;
        let (tcp, _) = stream.get_mut();
        let _ = tcp.write_all(&noise()).await;
        closed(tcp).await;
    }
    server.healthy("bytes that are not TLS").await;
}

#[tokio::test]
async fn half_open_connections_do_not_block_others_and_are_given_up() {
    let (_site, server, wire) = started().await;
    let before = server.descriptors();
    let mut idle = Vec::new();
    for i in 0..600 {
        let mut stream = wire.tcp().await;
        match i % 3 {
            // Nothing at all; a record that never gets whole; closed on one side only.
            0 => {}
            1 => stream.write_all(&[22, 3, 1, 2, 0, 1, 0]).await.unwrap(),
            _ => stream.shutdown().await.unwrap(),
        }
        idle.push(stream);
    }
    server.healthy("half-open connections").await;
    // Longer than the handshake's time.
    until("unfinished handshakes are given up", || server.descriptors() <= before + 5).await;
    drop(idle);
    server.healthy("giving them up").await;
}

#[tokio::test]
async fn slow_requests_do_not_block_others() {
    let (_site, server, wire) = started().await;
    let mut slow = Vec::new();
    for i in 0..200 {
        let mut stream = wire.tls().await;
        let beginning = match i % 4 {
            0 => "G".to_owned(),
            1 => "GET /version HTTP/1.1\r\nhost: x\r\nx-slow: ".to_owned(),
            2 => format!(
                "POST {MAPS} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 3000000\r\n\r\n{{"
            ),
            _ => format!("POST {MAPS} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nfffff\r\n{{"),
        };
        stream.write_all(beginning.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        slow.push(stream);
    }
    for _ in 0..5 {
        for stream in &mut slow {
            // A byte now and then, as slow clients that want to stay do.
            let _ = stream.write_all(b"a").await;
            let _ = stream.flush().await;
        }
        server.healthy("slow requests").await;
    }
    drop(slow);
    server.healthy("slow requests that ended").await;
}

#[tokio::test]
async fn heads_that_are_too_large_or_malformed_are_refused() {
    let (_site, server, wire) = started().await;
    let long = "a".repeat(200_000);
    let heads = [
        format!("GET /{long} HTTP/1.1\r\nhost: x\r\n\r\n"),
        format!("GET /version?{long} HTTP/1.1\r\nhost: x\r\n\r\n"),
        format!("GET /version HTTP/1.1\r\nhost: x\r\nx-long: {long}\r\n\r\n"),
        format!("GET /version HTTP/1.1\r\nhost: x\r\n{}\r\n", "x-many: 1\r\n".repeat(20_000)),
        format!("{long} /version HTTP/1.1\r\nhost: x\r\n\r\n"),
        "GET /version HTTP/9.9\r\nhost: x\r\n\r\n".to_owned(),
        "GET /version\r\n\r\n".to_owned(),
        "GET /ver sion HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(),
        "GET /version HTTP/1.1\r\nhost x\r\n\r\n".to_owned(),
        "GET /version HTTP/1.1\r\nhost: x\r\nbad name: 1\r\n\r\n".to_owned(),
        "GET /version HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n".to_owned(),
        "GET /version HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999999999999999\r\n\r\n".to_owned(),
        "GET /version HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab".to_owned(),
        "G\u{0}T /version HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(),
        "\r\n\r\n\r\n\u{fffd}\u{fffd}\r\n\r\n".to_owned(),
    ];
    for head in heads {
        let shown: String = head.chars().take(100).collect();
        let mut stream = wire.tls().await;
        let (mut from, mut to) = tokio::io::split(&mut stream);
        let write = async {
            let _ = to.write_all(head.as_bytes()).await;
            let _ = to.flush().await;
            std::future::pending::<()>().await;
        };
        // Below HTTP there is no Status to answer with; and hanging up is an answer too.
        let reply = tokio::select! {
            () = write => unreachable!(),
            reply = timeout(DEADLINE, read_reply(&mut from, false)) => reply.unwrap_or_else(|_| panic!("no end of {shown}")),
        };
        assert!(reply.as_ref().is_none_or(|r| (400..500).contains(&r.code)), "{reply:?} to {shown}");
        server.healthy(&shown).await;
    }
    // Methods that nobody serves, on a path that is served.
    for method in ["TRACE", "OPTIONS", "PROPFIND", "X", "get", "M-SEARCH", "CONNECT"] {
        let target = if method == "CONNECT" { "server:443" } else { MAPS };
        let reply = wire.exchange(&request(method, target, "application/json", b"")).await.expect("an answer");
        assert!((400..500).contains(&reply.code), "{method}: {reply:?}");
        reply.status(method);
    }
    server.healthy("weird methods").await;
}

/// A frame of HTTP/2 (RFC 9113 section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;

#[tokio::test]
async fn floods_of_http2_frames_are_bounded() {
    let (_site, server, wire) = started().await;
    // `GET https://x/version` with names and values from HPACK's static table, and a literal for the path.
    let get = [&[0x82, 0x87, 0x41, 1, b'x', 0x04, 8][..], b"/version"].concat();
    let settings = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    let streams = || (0..20_000_u32).map(|i| 2 * i + 1);
    let floods: Vec<(&str, Vec<u8>)> = vec![
        ("streams opened and reset at once", {
            streams().flat_map(|s| [frame(HEADERS, 5, s, &get), frame(RESET, 0, s, &[0, 0, 0, 8])].concat()).collect()
        }),
        ("more streams than allowed", streams().flat_map(|s| frame(HEADERS, 4, s, &get)).collect()),
        ("headers without end", {
            let rest: Vec<u8> =
                (0..5_000).flat_map(|_| frame(CONTINUATION, 0, 1, &[b'\x00', 1, b'a', 1, b'b'].repeat(100))).collect();
            [frame(HEADERS, 0, 1, &get), rest].concat()
        }),
        ("pings", (0..50_000).flat_map(|_| frame(PING, 0, 0, &[7; 8])).collect()),
        ("settings", (0..50_000).flat_map(|_| frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 1])).collect()),
        ("resets of nothing", streams().flat_map(|s| frame(RESET, 0, s, &[0, 0, 0, 8])).collect()),
        ("unknown frames", (0..20_000).flat_map(|i: u32| frame(200, 0xFF, i, &[1; 50])).collect()),
        ("a frame of 16 MiB", frame(HEADERS, 4, 1, &vec![0; 16 * MIB - 1])),
        ("no preface", vec![0x50; 10_000]),
    ];
    for (what, flood) in floods {
        let mut stream = wire.h2().await;
        let (mut from, mut to) = tokio::io::split(&mut stream);
        let work = async {
            let write = async {
                // It may hang up in between, which is a good answer.
                let sent = async {
                    to.write_all(&settings).await?;
                    to.write_all(&flood).await?;
                    to.flush().await
                };
                let _ = sent.await;
            };
            let mut buffer = vec![0; 64 * 1024];
            let read = async { while matches!(from.read(&mut buffer).await, Ok(1..)) {} };
            // Answers are read, so that the server cannot excuse itself with a full connection.
            tokio::select! {
                () = write => {}
                () = read => {}
            }
        };
        timeout(DEADLINE, work).await.unwrap_or_else(|_| panic!("neither taken nor refused: {what}"));
        server.healthy(what).await;
        drop(stream);
    }
    assert!(server.resident() < 400 * 1024, "{} KiB resident", server.resident());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watches_that_are_dropped_give_everything_back() {
    let (_site, server, wire) = started().await;
    let admin = server.admin().await;
    let (descriptors, _) = (server.descriptors(), server.resident());
    let watch = request("GET", &format!("{MAPS}?watch=1"), "application/json", b"");
    let mut after_first = 0;
    for round in 0..4 {
        let mut open = Vec::new();
        for i in 0..500 {
            let mut stream = wire.tls().await;
            stream.write_all(&watch).await.unwrap();
            // Some go before they have an answer.
            if i % 4 != 0 {
                let reply = timeout(DEADLINE, read_reply(&mut stream, true)).await.unwrap().unwrap();
                assert_eq!(reply.code, 200);
            }
            open.push(stream);
        }
        admin.post(MAPS, &map(&format!("event-{round}"), &"x".repeat(10_000))).await.expect(201);
        for (i, stream) in open.into_iter().enumerate() {
            if i % 2 == 0 {
                // Without a close of TLS or even a FIN after what is unread: a reset.
                let (tcp, _) = stream.into_inner();
                let _ = tcp.into_std().unwrap().shutdown(Shutdown::Read);
            }
        }
        // An event is how a server finds out that nobody listens.
        admin.post(MAPS, &map(&format!("again-{round}"), "")).await.expect(201);
        until("dropped watches are closed", || server.descriptors() <= descriptors + 10).await;
        if round == 0 {
            after_first = server.resident();
        }
    }
    // What the first round needed is used again by the others: allocators keep memory, leaks grow.
    let (first, last) = (after_first, server.resident());
    assert!(last < first + first / 2, "resident memory grew from {first} to {last} KiB");
    server.healthy("thousands of watches").await;
}

/// Time that a plain request takes at most while another client misbehaves.
const QUICK: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_client_that_does_not_read_holds_up_nobody() {
    let (_site, server, wire) = started().await;
    let admin = server.admin().await;
    for i in 0..20 {
        admin.post(MAPS, &map(&format!("big-{i}"), &"x".repeat(500_000))).await.expect(201);
    }
    let mut deaf = Vec::new();
    for _ in 0..30 {
        let mut stream = wire.tls().await;
        for _ in 0..5 {
            stream.write_all(&request("GET", MAPS, "application/json", b"")).await.unwrap();
        }
        stream.flush().await.unwrap();
        deaf.push(stream);
    }
    for _ in 0..10 {
        timeout(QUICK, admin.get(&format!("{MAPS}/big-1"))).await.expect("quickly").expect(200);
    }
    server.healthy("clients that do not read").await;
    drop(deaf);
}
