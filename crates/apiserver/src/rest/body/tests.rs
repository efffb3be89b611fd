use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use http::HeaderValue;

use super::*;

const PART: usize = 64 * 1024;

/// A body of so many parts, and the number of those that were read.
fn parts(count: usize) -> (Body, Arc<AtomicUsize>) {
    let read = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&read);
    let parts = (0..count).map(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
        Ok::<_, Infallible>(Bytes::from(vec![b'x'; PART]))
    });
    (Body::from_stream(futures::stream::iter(parts)), read)
}

fn announcing(length: usize) -> HeaderMap {
    HeaderMap::from_iter([(header::CONTENT_LENGTH, HeaderValue::from(length))])
}

#[tokio::test]
async fn up_to_the_limit_all_is_read() {
    let exact = LIMIT / PART;
    for headers in [HeaderMap::new(), announcing(LIMIT)] {
        let (body, _) = parts(exact);
        assert_eq!(read(&headers, body).await.expect("within the limit").len(), LIMIT);
        let (body, seen) = parts(exact + 10);
        assert_eq!(read(&headers, body).await.expect_err("over the limit").code, 413);
        assert_eq!(seen.load(Ordering::Relaxed), exact + 10, "the client has sent all when it is answered");
    }
}

#[tokio::test]
async fn nobody_makes_the_server_read_for_ever() {
    let (body, seen) = parts(usize::MAX);
    assert_eq!(read(&HeaderMap::new(), body).await.expect_err("endless").code, 413);
    assert!(seen.load(Ordering::Relaxed) <= (LIMIT + DISCARD) / PART + 2);
    let (body, seen) = parts(usize::MAX);
    assert_eq!(read(&announcing(DISCARD + 1), body).await.expect_err("too large").code, 413);
    assert_eq!(seen.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn who_asks_first_is_answered_first() {
    let mut headers = announcing(LIMIT + 1);
    headers.insert(header::EXPECT, HeaderValue::from_static("100-continue"));
    let (body, seen) = parts(100);
    assert_eq!(read(&headers, body).await.expect_err("too large").code, 413);
    assert_eq!(seen.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_broken_body_is_the_clients_fault() {
    let broken = futures::stream::iter([Ok(Bytes::from_static(b"{")), Err(std::io::Error::other("reset"))]);
    assert_eq!(read(&HeaderMap::new(), Body::from_stream(broken)).await.expect_err("broken").code, 400);
}
