use tokio::net::TcpListener;

use super::*;

async fn accepted() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("an address");
    let client = TcpStream::connect(at).await.expect("a connection");
    (listener.accept().await.expect("the connection").0, client)
}

#[tokio::test]
async fn the_handshake_tells_the_round_trip() {
    let (stream, _client) = accepted().await;
    let seen = round_trip(&stream).expect("nothing is lost on the loopback");
    assert!(seen < Duration::from_secs(1), "{seen:?}");
}

#[test]
fn short_wires_get_a_bounded_buffer_and_long_ones_what_the_kernel_finds() {
    let of = |micros| send_buffer(Some(Duration::from_micros(micros)));
    assert_eq!((of(20), of(250), of(251), of(10_000)), (Some(BUFFER), Some(BUFFER), None, None));
    assert_eq!(send_buffer(None), None);
}

#[tokio::test]
async fn the_buffer_is_set_by_the_round_trip() {
    let (stream, _client) = accepted().await;
    let socket = socket2::SockRef::from(&stream);
    let before = socket.send_buffer_size().expect("its size");
    prepare(&stream, &Limits::default());
    let after = socket.send_buffer_size().expect("its size");
    assert!(socket.tcp_nodelay().expect("the option"));
    // A loaded machine may take longer than a short wire even on the loopback.
    match send_buffer(round_trip(&stream)) {
        Some(most) => assert!(after > 4096 && after <= 2 * most, "{before} became {after}"),
        None => assert_eq!(after, before),
    }
}
