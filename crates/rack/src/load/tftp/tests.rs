use std::thread;

use super::*;

fn request(server: &UdpSocket, windowsize: u16) -> Request {
    let SocketAddr::V4(at) = server.local_addr().unwrap() else { panic!("an IPv4 socket") };
    Request {
        server: at,
        from: Ipv4Addr::LOCALHOST,
        file: "kernel".to_owned(),
        blksize: 8,
        windowsize,
        timeout: Duration::from_millis(50),
        attempts: 2,
    }
}

fn server() -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket
}

fn data(block: u16, content: &[u8]) -> Vec<u8> {
    [&[0, 3][..], &block.to_be_bytes(), content].concat()
}

/// Waits for that packet, past repetitions of earlier ones, and says who sent it.
fn expect(socket: &UdpSocket, packet: &[u8]) -> SocketAddr {
    let mut buffer = [0; 600];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).expect("a packet in time");
        if &buffer[..length] == packet {
            return from;
        }
    }
}

#[test]
fn a_file_comes_in_windows_from_a_port_of_its_own() {
    let (listener, transfer) = (server(), server());
    let request = request(&listener, 2);
    let serving = thread::spawn(move || {
        let client = expect(&listener, b"\0\x01kernel\0octet\0tsize\x000\0blksize\x008\0windowsize\x002\0");
        let send = |packet: &[u8]| assert_eq!(transfer.send_to(packet, client).unwrap(), packet.len());
        send(b"\0\x06tsize\x0019\0blksize\x008\0windowsize\x002\0");
        expect(&transfer, &[0, 4, 0, 0]);
        send(&data(1, &[1; 8]));
        send(&data(2, &[2; 8]));
        expect(&transfer, &[0, 4, 0, 2]);
        send(&data(3, &[3; 3]));
        expect(&transfer, &[0, 4, 0, 3]);
    });
    let received = read(&request).unwrap();
    serving.join().unwrap();
    assert_eq!((received.bytes, received.blksize, received.windowsize), (19, 8, 2));
    let content = [&[1; 8][..], &[2; 8], &[3; 3]].concat();
    assert_eq!(received.sha256, hex(digest::digest(&digest::SHA256, &content).as_ref()));
}

#[test]
fn an_error_ends_the_transfer_with_the_servers_words() {
    let listener = server();
    let request = request(&listener, 1);
    let at = request.server;
    let serving = thread::spawn(move || {
        let client = expect(&listener, b"\0\x01kernel\0octet\0tsize\x000\0blksize\x008\0");
        listener.send_to(b"\0\x05\0\x01no such file\0", client).unwrap();
    });
    let error = read(&request).expect_err("an error");
    serving.join().unwrap();
    assert_eq!(error.to_string(), format!("{at} answered kernel: error 1 (no such file)"));
}

#[test]
fn silence_is_answered_by_repeating_and_then_given_up() {
    let listener = server();
    let request = request(&listener, 1);
    let error = read(&request).expect_err("nobody answers");
    assert!(matches!(error, LoadError::Silence { .. }), "{error}");
    listener.set_nonblocking(true).unwrap();
    let mut asked = 0;
    while listener.recv(&mut [0; 600]).is_ok() {
        asked += 1;
    }
    assert_eq!(asked, 3, "once, and two attempts more");
}
