use std::net::TcpListener;
use std::thread::{self, JoinHandle};

use super::*;

/// A server that answers so many connections with these octets.
fn server(connections: usize, answer: Vec<u8>) -> (SocketAddrV4, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let std::net::SocketAddr::V4(address) = listener.local_addr().expect("address") else { panic!("IPv4") };
    let thread = thread::spawn(move || {
        for _ in 0..connections {
            let (mut stream, _) = listener.accept().expect("accept");
            let mut request = [0; 4096];
            let got = stream.read(&mut request).expect("request");
            assert!(request[..got].starts_with(b"GET /file HTTP/1.1\r\n"));
            stream.write_all(&answer).expect("answer");
        }
    });
    (address, thread)
}

fn request(server: SocketAddrV4, content: Content) -> Request {
    Request { server, path: "/file".to_owned(), content }
}

fn ok(length: usize, content: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n").as_bytes(), content].concat()
}

#[test]
fn every_way_of_reading_sees_the_whole_content() {
    let content = vec![7; 3 << 20];
    for how in [Content::Read, Content::Discard, Content::Hash] {
        let (address, thread) = server(4, ok(content.len(), &content));
        let load = load(&request(address, how), Ipv4Addr::LOCALHOST, 2, 2, None).expect("load");
        assert_eq!(load.bytes, 4 * content.len() as u64, "{how:?}");
        thread.join().expect("server");
    }
}

#[test]
fn content_is_hashed() {
    let (address, thread) = server(1, ok(3, b"abc"));
    let received = read(&request(address, Content::Hash), Ipv4Addr::LOCALHOST).expect("read");
    let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(received.sha256.as_deref(), Some(expected));
    thread.join().expect("server");
}

#[test]
fn short_content_and_other_answers_are_errors() {
    for (answer, expected) in [
        (ok(9, b"abc"), "/file: 3 octets instead of 9"),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n".to_vec(), "/file: HTTP/1.1 503 Service Unavailable"),
        (b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), "/file: no Content-Length"),
    ] {
        let (address, thread) = server(1, answer);
        let error = read(&request(address, Content::Read), Ipv4Addr::LOCALHOST).expect_err("not whole");
        assert_eq!(error.to_string(), format!("{address} answered {expected}"));
        thread.join().expect("server");
    }
}
