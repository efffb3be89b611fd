//! What machines report.

use metalman_core::api::conditions::{CLOUD_INIT_DONE, REPAVED};
use serde_json::json;

use super::*;

const EVENT: &str = r#"{"name": "modules-final", "event_type": "finish", "result": "SUCCESS", "origin": "cloudinit"}"#;

fn post(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

impl Running {
    /// The same, with a repave asked for.
    async fn repaving() -> Self {
        let server = Self::of(&[("f", b"f")]).await;
        server.fixture.mended(|machine| machine["spec"]["operations"] = json!({ "repaveCounter": 1 }));
        server.fixture.synced();
        server
    }

    /// Status and reason of a condition.
    fn condition(&self, type_: &str) -> Option<String> {
        let status = self.fixture.stored().status?;
        status.condition(type_).map(|condition| format!("{}/{}", condition.status.as_str(), condition.reason))
    }
}

#[tokio::test]
async fn a_report_that_was_acknowledged_is_in_the_status() {
    for request in ["GET /pxe/disable HTTP/1.1\r\nHost: x\r\n\r\n", &post("/pxe/disable", "anything")] {
        let server = Running::repaving().await;
        for _ in 0..2 {
            let answer = server.ask(request).await;
            assert_eq!((answer.status, answer.text().as_str()), (200, "ok\n"));
            assert_eq!(server.fixture.stored().status.expect("a status").counters().repave, 1);
            assert_eq!(server.condition(REPAVED).as_deref(), Some("True/Succeeded"));
        }
    }
    let server = Running::of(&[]).await;
    assert_eq!(server.ask(&post("/cloudinit/log", &EVENT.replace("finish", "start"))).await.status, 200);
    assert_eq!(server.condition(CLOUD_INIT_DONE).as_deref(), Some("False/Running"));
    assert_eq!(server.ask(&post("/cloudinit/log", EVENT)).await.status, 200);
    assert_eq!(server.condition(CLOUD_INIT_DONE).as_deref(), Some("True/Succeeded"));
    assert_eq!(server.ask(&post("/boot/event", r#"{"step": "Failed", "message": "no disk"}"#)).await.status, 200);
    assert_eq!(server.fixture.message().as_deref(), Some("installer: no disk"));
}

#[tokio::test]
async fn progress_is_taken_and_written_soon() {
    let server = Running::of(&[]).await;
    let mut client = server.connect().await;
    for percent in 0..=100 {
        let event = json!({ "step": "ImageWriting", "percent": percent });
        assert_eq!(client.ask(&post("/boot/event", &event.to_string())).await.status, 202);
    }
    let last = "CloudInit: modules-final: SUCCESS";
    assert_eq!(client.ask(&post("/cloudinit/log", EVENT)).await.status, 200);
    assert_eq!(server.fixture.steps(), ["ImageWriting: 100 %", last]);
}

#[tokio::test]
async fn without_an_api_server_nothing_is_acknowledged() {
    let server = Running::repaving().await;
    server.fixture.is_away(true);
    for request in [post("/pxe/disable", ""), post("/cloudinit/log", EVENT)] {
        let answer = server.ask(&request).await;
        assert_eq!((answer.status, answer.field("retry-after")), (503, "5"), "{request}");
    }
    server.fixture.is_away(false);
    assert_eq!(server.ask(&post("/pxe/disable", "")).await.status, 200);
    assert_eq!(server.condition(REPAVED).as_deref(), Some("True/Succeeded"));
}

#[tokio::test]
async fn what_is_no_report_is_refused() {
    let server = Running::of(&[]).await;
    let many = r#"{"step": "ImageWriting"}"#;
    for (request, status, words) in [
        (post("/cloudinit/log", "{"), 400, "not a cloud-init event: "),
        (post("/cloudinit/log", ""), 400, "not a cloud-init event: name is missing"),
        (post("/boot/event", "{}"), 400, "not a boot event: missing field `step`"),
        (post("/boot/event", &many.replace("ImageWriting", "Dancing")), 400, "not a boot event: unknown variant"),
        (post("/cloudinit/log/", EVENT), 405, "method not allowed"),
        ("DELETE /pxe/disable HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 405, "method not allowed"),
        ("GET /boot/event HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 405, "method not allowed"),
    ] {
        let answer = server.ask(&request).await;
        assert_eq!(answer.status, status, "{request}");
        assert!(answer.text().starts_with(words), "{request}: {}", answer.text());
    }
    for (path, allow) in [("/pxe/disable", "GET, POST"), ("/cloudinit/log", "POST"), ("/boot/event", "POST")] {
        let head = server.ask(&format!("HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
        assert_eq!((head.status, head.field("allow")), (405, allow), "{path}");
        let stranger = server.connect_from("127.0.0.2").await.ask(&post(path, EVENT)).await;
        assert_eq!((stranger.status, stranger.text().as_str()), (404, "unknown machine\n"), "{path}");
    }
    assert!(server.fixture.steps().is_empty() && server.condition(CLOUD_INIT_DONE).is_none());
}

#[tokio::test]
async fn bodies_are_bounded_in_size_and_time() {
    let limits = Limits { body: Duration::from_millis(500), ..Limits::default() };
    let server = Running::start(&[], limits, &[]).await;
    let padded = |length: usize| EVENT.replace('{', &format!("{{{}", " ".repeat(length - EVENT.len())));
    assert_eq!(server.ask(&post("/cloudinit/log", &padded(64 << 10))).await.status, 200);
    for length in [(64 << 10) + 1, 1 << 20] {
        let answer = server.ask(&post("/cloudinit/log", &padded(length))).await;
        let seen = (answer.status, answer.text(), answer.field("connection").to_owned());
        assert_eq!(seen, (413, "a report is 65536 bytes at most\n".to_owned(), "close".to_owned()));
    }
    // Chunks say no length before they come.
    let chunk = format!("8000\r\n{}\r\n", "x".repeat(0x8000));
    let chunked = format!(
        "POST /cloudinit/log HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
        chunk.repeat(3)
    );
    assert_eq!(server.ask(&chunked).await.status, 413);
    // Who asks first is told before it sends.
    let asks = format!(
        "POST /cloudinit/log HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        1 << 30
    );
    assert_eq!(server.ask(&asks).await.status, 413);
    let slow = post("/cloudinit/log", EVENT);
    assert_eq!(server.ask(&slow[..slow.len() - 1]).await.status, 408);
    assert_eq!(server.get("/healthz", "").await.status, 200);
}

#[tokio::test]
async fn reports_of_one_machine_are_bounded() {
    let server = Running::of(&[("f", b"f")]).await;
    let mut client = server.connect().await;
    let event = post("/boot/event", r#"{"step": "ImageWriting", "percent": 7}"#);
    let mut refused = None;
    for _ in 0..2000 {
        let answer = client.ask(&event).await;
        if answer.status != 202 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("a refusal");
    assert_eq!((refused.status, refused.field("retry-after")), (429, "5"));
    assert_eq!(client.ask("GET /f HTTP/1.1\r\nHost: x\r\n\r\n").await.status, 200, "files are another matter");
}
