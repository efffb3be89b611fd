use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use super::*;

#[tokio::test]
async fn a_peer_that_stops_reading_is_given_up() {
    let (near, far) = duplex(16);
    let mut near = Progress::with_patience(near, Duration::from_millis(200));
    let e = near.write_all(&[0; 64]).await.expect_err("nobody reads");
    assert_eq!(e.kind(), io::ErrorKind::TimedOut);
    drop(far);
}

#[tokio::test]
async fn a_slow_peer_is_not() {
    let (near, mut far) = duplex(16);
    let reader = tokio::spawn(async move {
        let mut got = 0;
        let mut buffer = [0; 4];
        while got < 64 {
            sleep(Duration::from_millis(20)).await;
            got += far.read(&mut buffer).await.expect("reads");
        }
    });
    let mut near = Progress::with_patience(near, Duration::from_millis(200));
    near.write_all(&[0; 64]).await.expect("slow, but moving");
    reader.await.expect("read all");
}
