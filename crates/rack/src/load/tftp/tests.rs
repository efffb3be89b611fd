use super::*;

fn request(windowsize: u16) -> Request {
    Request {
        server: SocketAddrV4::new(Ipv4Addr::LOCALHOST, 69),
        from: Ipv4Addr::LOCALHOST,
        file: "kernel".to_owned(),
        blksize: 8,
        windowsize,
        timeout: Duration::from_secs(1),
        attempts: 2,
    }
}

fn data(block: u16, content: &[u8]) -> Vec<u8> {
    [&[0, 3][..], &block.to_be_bytes(), content].concat()
}

#[test]
fn a_window_is_acknowledged_once_and_a_gap_at_once() {
    let request = request(2);
    let mut transfer = Transfer::new(&request);
    transfer.negotiated(b"blksize\x008\0windowsize\x002\0").expect("options");
    let mut take = |packets: &[Vec<u8>]| transfer.take(packets.iter().map(Vec::as_slice)).expect("in order");
    assert_eq!(take(&[data(1, &[1; 8])]), None);
    assert_eq!(take(&[data(2, &[2; 8])]), Some([0, 4, 0, 2]));
    assert_eq!(take(&[data(4, &[4; 8])]), Some([0, 4, 0, 2]), "block 3 is missing");
    assert_eq!(take(&[data(3, &[3; 8]), data(4, &[4; 8])]), Some([0, 4, 0, 4]));
    assert_eq!(take(&[data(5, &[5; 3])]), Some([0, 4, 0, 5]), "the last block is short");
    assert!(transfer.done);
    assert_eq!(transfer.content.len(), 35);
}

#[test]
fn block_numbers_roll_over() {
    let request = request(1);
    let mut transfer = Transfer::new(&request);
    transfer.negotiated(b"blksize\x008\0").expect("options");
    transfer.blocks = 65_535;
    let answer = transfer.take(std::iter::once(data(0, &[0; 8]).as_slice())).expect("block 65536 is 0 on the wire");
    assert_eq!(answer, Some([0, 4, 0, 0]));
}

#[test]
fn options_are_asked_for_and_never_exceeded() {
    assert_eq!(rrq(&request(16)), b"\0\x01kernel\0octet\0tsize\x000\0blksize\x008\0windowsize\x0016\0");
    assert_eq!(rrq(&request(1)), b"\0\x01kernel\0octet\0tsize\x000\0blksize\x008\0");
    let request = request(1);
    let error = Transfer::new(&request).negotiated(b"windowsize\x004\0").expect_err("one was asked for");
    assert_eq!(error.to_string(), "127.0.0.1:69 answered kernel: more than was asked for: windowsize=4");
}

#[test]
fn an_error_ends_the_transfer_with_the_servers_words() {
    let request = request(1);
    let error =
        Transfer::new(&request).take(std::iter::once(&b"\0\x05\0\x01no such file\0"[..])).expect_err("an error");
    assert_eq!(error.to_string(), "127.0.0.1:69 answered kernel: error 1 (no such file)");
}

#[test]
fn silence_is_answered_by_repeating_and_then_given_up() {
    let request = request(1);
    let mut transfer = Transfer::new(&request);
    assert_eq!(transfer.silence().expect("first"), Some([0, 4, 0, 0]));
    assert!(transfer.silence().is_ok());
    assert!(transfer.silence().is_err());
}
