use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;

/// Reads four bytes every 20 ms until the end.
async fn sip(mut stream: DuplexStream) -> usize {
    let mut got = 0;
    let mut buffer = [0; 4];
    loop {
        sleep(Duration::from_millis(20)).await;
        match stream.read(&mut buffer).await.expect("reads") {
            0 => return got,
            read => got += read,
        }
    }
}

fn at_least(bytes: usize) -> Pace {
    Pace { window: Duration::from_millis(200), bytes }
}

#[tokio::test]
async fn a_peer_that_stops_reading_is_given_up() {
    let (near, far) = duplex(16);
    let mut near = Progress::new(near, at_least(1));
    let e = near.write_all(&[0; 64]).await.expect_err("nobody reads");
    assert_eq!(e.kind(), io::ErrorKind::TimedOut);
    drop(far);
}

#[tokio::test]
async fn a_slow_peer_is_not() {
    let (near, far) = duplex(16);
    let reader = tokio::spawn(sip(far));
    let mut near = Progress::new(near, at_least(1));
    // Takes longer than a window.
    near.write_all(&[0; 128]).await.expect("slow, but moving");
    drop(near);
    assert_eq!(reader.await.expect("read all"), 128);
}

#[tokio::test]
async fn a_peer_slower_than_the_pace_is_given_up() {
    let (near, far) = duplex(16);
    let reader = tokio::spawn(sip(far));
    let mut near = Progress::new(near, at_least(1024));
    let e = near.write_all(&[0; 4096]).await.expect_err("four bytes at a time are too few");
    assert_eq!(e.kind(), io::ErrorKind::TimedOut);
    drop(near);
    assert!(reader.await.expect("read some") > 0);
}
