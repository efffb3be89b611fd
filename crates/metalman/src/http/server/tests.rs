//! Over real sockets on the loopback: the Machine is 127.0.0.1, 127.0.0.2 and beyond are nobody's.

mod reports;

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
    task::JoinHandle,
    time::timeout,
};

use super::*;
use crate::boot::fixture::{Fixture, image, machine};

const PATIENCE: Duration = Duration::from_secs(20);

/// A server that runs.
struct Running {
    fixture: Fixture,
    at: SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<anyhow::Result<()>>,
}

impl Running {
    async fn start(files: &[(&str, &[u8])], limits: Limits, trusted: &[&str]) -> Self {
        let fixture = Fixture::new(&machine("127.0.0.1"));
        fixture.boots(&image("sha256:1", files));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (at, stop) = (listener.local_addr().expect("an address"), CancellationToken::new());
        let trusted = trusted.iter().map(|cidr| cidr.parse().expect("a network")).collect();
        let server = BootServer::new(fixture.boot.clone(), trusted).with_limits(limits);
        let serving = tokio::spawn(server.serve(listener, stop.clone()));
        Self { fixture, at, stop, serving }
    }

    async fn of(files: &[(&str, &[u8])]) -> Self {
        Self::start(files, Limits::default(), &[]).await
    }

    async fn connect(&self) -> Client {
        self.connect_from("127.0.0.1").await
    }

    async fn connect_from(&self, from: &str) -> Client {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::new(from.parse().expect("an address"), 0)).expect("an address of the loopback");
        Client { stream: socket.connect(self.at).await.expect("a connection"), read: Vec::new() }
    }

    /// One request over a connection of its own.
    async fn ask(&self, request: &str) -> Answer {
        self.connect().await.ask(request).await
    }

    async fn get(&self, path: &str, fields: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n{fields}\r\n")).await
    }

    fn metric(&self, line: &str) -> f64 {
        let text = self.fixture.boot.metrics.render();
        text.lines().find_map(|l| l.strip_prefix(line)?.trim().parse().ok()).unwrap_or(0.0)
    }

    async fn metric_reaches(&self, line: &str, least: f64) {
        self.fixture.eventually(line, |_| (self.metric(line) >= least).then_some(())).await;
    }
}

struct Client {
    stream: TcpStream,
    read: Vec<u8>,
}

#[derive(Debug)]
struct Answer {
    status: u16,
    fields: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Answer {
    fn field(&self, name: &str) -> &str {
        self.fields.get(name).map(String::as_str).unwrap_or_default()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Client {
    async fn ask(&mut self, request: &str) -> Answer {
        self.stream.write_all(request.as_bytes()).await.expect("the server reads");
        self.answer(!request.starts_with("HEAD")).await.expect("an answer")
    }

    /// The next answer; none when the connection ends.
    async fn answer(&mut self, with_body: bool) -> Option<Answer> {
        let end = loop {
            if let Some(at) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                break at;
            }
            self.more().await?;
        };
        let rest = self.read.split_off(end + 4);
        let head = String::from_utf8(std::mem::replace(&mut self.read, rest)).expect("text");
        let mut lines = head.trim_end().lines();
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let fields: BTreeMap<String, String> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let length = fields.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let length = if with_body && status != 304 { length } else { 0 };
        while self.read.len() < length {
            self.more().await?;
        }
        let rest = self.read.split_off(length);
        Some(Answer { status, fields, body: std::mem::replace(&mut self.read, rest) })
    }

    /// Reads what comes; none at the end.
    async fn more(&mut self) -> Option<()> {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.read)).await.expect("something in time");
        read.ok().filter(|read| *read > 0).map(drop)
    }
}

#[tokio::test]
async fn a_file_is_described_and_given() {
    let server = Running::of(&[("boot/x.efi", b"0123456789"), ("t.cfg.tmpl", b"{{.Machine.Name}}")]).await;
    let whole = server.get("/boot/x.efi", "").await;
    assert_eq!((whole.status, whole.text().as_str()), (200, "0123456789"));
    let etag = "\"sha256-84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882\"";
    for (name, value) in [
        ("content-length", "10"),
        ("content-type", "application/efi"),
        ("etag", etag),
        ("last-modified", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ("accept-ranges", "bytes"),
        ("cache-control", "private, no-cache"),
    ] {
        assert_eq!(whole.field(name), value, "{name}");
    }
    let head = server.ask("HEAD /boot/x.efi HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!((head.status, head.field("content-length"), head.field("etag")), (200, "10", etag));
    let rendered = server.get("/t.cfg", "").await;
    assert_eq!((rendered.status, rendered.text().as_str()), (200, "n1"));
    assert_eq!((rendered.field("cache-control"), rendered.field("etag")), ("no-store", ""));
    assert_eq!(rendered.field("content-length"), "2");
    let head = server.ask("HEAD /t.cfg HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!((head.status, head.field("content-length")), (200, "2"));
}

#[tokio::test]
async fn fields_are_spelled_as_boot_loaders_expect() {
    let server = Running::of(&[("x", b"0123456789")]).await;
    let mut client = server.connect().await;
    client.stream.write_all(b"GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    while client.more().await.is_some() {}
    let raw = String::from_utf8(client.read).unwrap();
    assert!(raw.contains("\r\nContent-Length: 10\r\n"), "{raw}");
}

#[tokio::test]
async fn paths_as_clients_spell_them() {
    let server = Running::of(&[("a b/ä", b"yes")]).await;
    for path in
        ["/a%20b/%C3%A4", "//a%20b//./%c3%a4", "/a%20b%5C%C3%A4", "http://x/a%20b/%C3%A4", "/a%20b/%C3%A4?query"]
    {
        assert_eq!(server.get(path, "").await.text(), "yes", "{path}");
    }
    for path in ["/a%20b/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/%00", "/%zz", "/%", "/%ff", "/", "/a"] {
        let answer = server.get(path, "").await;
        assert_eq!((answer.status, answer.text().as_str()), (404, "no such file\n"), "{path}");
    }
}

#[tokio::test]
async fn ranges() {
    let server = Running::of(&[("f", b"0123456789")]).await;
    for (range, status, content_range, body) in [
        ("bytes=2-4", 206, "bytes 2-4/10", "234"),
        ("bytes=7-", 206, "bytes 7-9/10", "789"),
        ("bytes=-1", 206, "bytes 9-9/10", "9"),
        ("bytes=0-99", 206, "bytes 0-9/10", "0123456789"),
        ("bytes=10-", 416, "bytes */10", "no such range\n"),
        ("lines=1-2", 200, "", "0123456789"),
    ] {
        let answer = server.get("/f", &format!("Range: {range}\r\n")).await;
        let seen = (answer.status, answer.field("content-range"), answer.text());
        assert_eq!(seen, (status, content_range, body.to_owned()), "{range}");
    }
    let several = server.get("/f", "Range: bytes=0-1,-2\r\n").await;
    let boundary =
        several.field("content-type").strip_prefix("multipart/byteranges; boundary=").expect("parts").to_owned();
    let part = |range: &str, body: &str| {
        format!(
            "\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes {range}/10\r\n\r\n{body}"
        )
    };
    assert_eq!(several.status, 206);
    assert_eq!(several.text(), format!("{}{}\r\n--{boundary}--\r\n", part("0-1", "01"), part("8-9", "89")));
    // RFC 9110 section 14.2: of HEAD, Range says nothing.
    let head = server.ask("HEAD /f HTTP/1.1\r\nHost: x\r\nRange: bytes=2-4\r\n\r\n").await;
    assert_eq!((head.status, head.field("content-length")), (200, "10"));
    let two_fields = server.get("/f", "Range: bytes=0-0\r\nRange: bytes=1-1\r\n").await;
    assert_eq!(two_fields.status, 200);
}

#[tokio::test]
async fn conditions() {
    let server = Running::of(&[("f", b"0123456789")]).await;
    let etag = server.get("/f", "").await.field("etag").to_owned();
    let unchanged = server.get("/f", &format!("If-None-Match: {etag}\r\n")).await;
    assert_eq!((unchanged.status, unchanged.field("etag"), unchanged.body.len()), (304, etag.as_str(), 0));
    assert_eq!(server.get("/f", "If-Match: \"other\"\r\n").await.status, 412);
    let resumed = server.get("/f", &format!("Range: bytes=5-\r\nIf-Range: {etag}\r\n")).await;
    assert_eq!((resumed.status, resumed.text().as_str()), (206, "56789"));
    let changed = server.get("/f", "Range: bytes=5-\r\nIf-Range: \"other\"\r\n").await;
    assert_eq!((changed.status, changed.text().as_str()), (200, "0123456789"));
}

#[tokio::test]
async fn refusals() {
    let server = Running::of(&[("f", b"f"), ("broken.tmpl", b"{{.Nope}}")]).await;
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "BREW"] {
        let answer = server.ask(&format!("{method} /f HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")).await;
        assert_eq!((answer.status, answer.field("allow")), (405, "GET, HEAD"), "{method}");
    }
    let failed = server.get("/broken", "").await;
    assert_eq!(failed.status, 500);
    assert!(failed.text().starts_with("broken.tmpl:1:2: "), "{}", failed.text());
    let stranger = server.connect_from("127.0.0.2").await.ask("GET /f HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!((stranger.status, stranger.text().as_str()), (404, "unknown machine\n"));
    // Whoever is no proxy cannot speak for another.
    let forged = "GET /f HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n";
    assert_eq!(server.connect_from("127.0.0.2").await.ask(forged).await.status, 404);
    let healthy = server.connect_from("127.0.0.2").await.ask("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!((healthy.status, healthy.text().as_str()), (200, "ok"));
    let elsewhere = Fixture::new(&machine("127.0.0.1"));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("an address");
    tokio::spawn(BootServer::new(elsewhere.boot.clone(), vec![]).serve(listener, server.stop.clone()));
    let mut client = Client { stream: TcpStream::connect(at).await.expect("a connection"), read: Vec::new() };
    let early = client.ask("GET /f HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!((early.status, early.field("retry-after")), (503, "5"));
}

#[tokio::test]
async fn a_trusted_proxy_speaks_for_machines() {
    let server = Running::start(&[("f", b"f")], Limits::default(), &["127.0.0.9/32"]).await;
    let ask = "GET /f HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 10.1.1.1, 127.0.0.1\r\n\r\n";
    assert_eq!(server.connect_from("127.0.0.9").await.ask(ask).await.status, 200);
    let other = ask.replace("127.0.0.1\r\n", "127.0.0.3\r\n");
    assert_eq!(server.connect_from("127.0.0.9").await.ask(&other).await.status, 404);
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let server = Running::of(&[("f", &vec![7; 100_000])]).await;
    let mut client = server.connect().await;
    for _ in 0..100 {
        let answer = client.ask("GET /f HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert_eq!((answer.status, answer.body.len()), (200, 100_000));
        assert_eq!(client.ask("HEAD /f HTTP/1.1\r\nHost: x\r\n\r\n").await.status, 200);
        assert_eq!(client.ask("GET /none HTTP/1.1\r\nHost: x\r\n\r\n").await.status, 404);
    }
    // Two at once: answered in order.
    let both = "GET /f HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_eq!(client.ask(both).await.body.len(), 2);
    assert_eq!(client.answer(true).await.expect("the second").text(), "ok");
    assert!((server.metric("metalman_http_connections ") - 1.0).abs() < 0.5);
}

#[tokio::test]
async fn whoever_sends_slowly_loses_the_connection_and_nobody_else_anything() {
    let limits = Limits { head: Duration::from_millis(300), ..Limits::default() };
    let server = Running::start(&[("f", b"f")], limits, &[]).await;
    let mut slow = Vec::new();
    for start in ["", "G", "GET /f HTTP/1.1\r\nHost: x\r\nX-a: "] {
        for _ in 0..10 {
            let mut client = server.connect().await;
            client.stream.write_all(start.as_bytes()).await.expect("the server reads");
            slow.push(client);
        }
    }
    assert_eq!(server.get("/f", "").await.status, 200);
    for client in &mut slow {
        // Also one that keeps sending a byte now and then.
        let _ = client.stream.write_all(b"a").await;
        while client.more().await.is_some() {}
    }
    server.metric_reaches("metalman_http_connections_broken_total{reason=\"head_timeout\"}", 30.0).await;
    // An idle connection ends, too.
    let mut idle = server.connect().await;
    assert_eq!(idle.ask("GET /f HTTP/1.1\r\nHost: x\r\n\r\n").await.status, 200);
    assert!(idle.answer(true).await.is_none());
}

#[tokio::test]
async fn whoever_reads_slowly_loses_the_connection_and_nobody_else_anything() {
    let limits = Limits { pace_window: Duration::from_millis(300), ..Limits::default() };
    let content = vec![7; 64 << 20];
    let server = Running::start(&[("f", &content)], limits, &[]).await;
    let mut slow = Vec::new();
    for _ in 0..5 {
        let mut client = server.connect().await;
        client.stream.write_all(b"GET /f HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("the server reads");
        slow.push(client);
    }
    let whole = server.get("/f", "").await;
    assert_eq!((whole.status, whole.body.len()), (200, content.len()));
    server.metric_reaches("metalman_http_connections_broken_total{reason=\"slow_reader\"}", 5.0).await;
}

#[tokio::test]
async fn heads_are_bounded() {
    let server = Running::of(&[("f", b"f")]).await;
    let long = format!("X-Long: {}\r\n", "x".repeat(64 << 10));
    let many = "X-a: y\r\n".repeat(200);
    for fields in [long, many] {
        let mut client = server.connect().await;
        // The server may close before it has read everything.
        let _ = client.stream.write_all(format!("GET /f HTTP/1.1\r\nHost: x\r\n{fields}\r\n").as_bytes()).await;
        let answer = client.answer(true).await;
        assert!(answer.as_ref().is_none_or(|answer| answer.status == 431), "{answer:?}");
    }
    let mut client = server.connect().await;
    assert_eq!(client.ask("nonsense\r\n\r\n").await.status, 400);
    assert_eq!(server.get("/f", "").await.status, 200);
}

#[tokio::test]
async fn connections_are_bounded() {
    let limits = Limits { connections: 12, per_peer: 4, strangers: 6, ..Limits::default() };
    let server = Running::start(&[("f", b"f")], limits, &[]).await;
    let refused = |limit: &str| format!("metalman_http_connections_refused_total{{limit=\"{limit}\"}}");
    let mut open = Vec::new();
    for from in ["127.0.0.2", "127.0.0.3"] {
        for _ in 0..4 {
            open.push(server.connect_from(from).await);
        }
    }
    server.metric_reaches(&refused("strangers"), 2.0).await;
    for _ in 0..6 {
        open.push(server.connect().await);
    }
    server.metric_reaches(&refused("peer"), 2.0).await;
    assert!((server.metric("metalman_http_connections ") - 10.0).abs() < 0.5);
    // Those that are admitted are served, and room comes back.
    assert_eq!(open[8].ask("GET /f HTTP/1.1\r\nHost: x\r\n\r\n").await.status, 200);
    open.clear();
    server.fixture.eventually("room", |_| (server.metric("metalman_http_connections ") < 1.0).then_some(())).await;
    assert_eq!(server.get("/f", "").await.status, 200);
}

#[tokio::test]
async fn stopping_lets_a_request_under_way_finish() {
    let content = vec![7; 32 << 20];
    let server = Running::of(&[("f", &content)]).await;
    let (mut busy, mut idle) = (server.connect().await, server.connect().await);
    assert_eq!(idle.ask("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.status, 200);
    busy.stream.write_all(b"GET /f HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("the server reads");
    busy.more().await.expect("the beginning");
    server.stop.cancel();
    assert!(idle.answer(true).await.is_none(), "idle connections end at once");
    assert_eq!(busy.answer(true).await.expect("all of it").body.len(), content.len());
    drop(busy);
    timeout(PATIENCE, server.serving).await.expect("an end").expect("no panic").expect("no failure");
}
