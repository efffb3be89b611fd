//! Any datagram is read without panic; what is a request is served to an end whatever the client then sends; and each
//! packet sets no more than one window in motion. The input is a datagram that comes first, and the packets of the client.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use metalman_core::tftp::{Burst, Limits, Mode, Packet, Policy, Transfer, negotiate, request};

/// Enough for some windows of the default size; line ends for netascii.
static CONTENT: [u8; 20_000] = {
    let mut content = [b'x'; 20_000];
    let mut i = 0;
    while i < content.len() {
        content[i] = if i % 7 == 0 { b'\n' } else { (i % 251) as u8 };
        i += 1;
    }
    content
};

fuzz_target!(|input: &[u8]| {
    let (length, input) = input.split_first_chunk::<2>().unwrap_or((&[0, 0], input));
    let length = usize::from(u16::from_be_bytes(*length)).min(input.len());
    let (first, packets) = input.split_at(length);
    let _ = Packet::parse(packets);
    let fallback = request("file", Mode::Octet, &[("windowsize", 5)]);
    let read = match Packet::parse(first) {
        Ok(Packet::Read(read)) => read,
        _ => match Packet::parse(&fallback) {
            Ok(Packet::Read(read)) => read,
            other => panic!("{other:?}"),
        },
    };
    let mode = read.mode().unwrap_or(Mode::Octet);
    let negotiated = negotiate(read.options, mode, CONTENT.len() as u64, Limits::default());
    if let Some(packet) = negotiated.option_ack() {
        assert!(matches!(Packet::parse(&packet), Ok(Packet::OptionAck(_))));
    }
    let window = u64::from(negotiated.windowsize);
    let blksize = usize::from(negotiated.blksize);
    let mut transfer = Transfer::new(negotiated, mode, &CONTENT, Policy::default(), Duration::ZERO);
    let (mut now, mut scratch) = (Duration::ZERO, Vec::new());
    // Each packet of the client: how long it takes (milliseconds), its length, itself.
    let mut rest = packets;
    while let Some(([pause, length], after)) = rest.split_first_chunk::<2>() {
        let (packet, after) = after.split_at(usize::from(*length).min(after.len()));
        rest = after;
        now += Duration::from_millis(u64::from(*pause) * 8);
        if let Ok(packet) = Packet::parse(packet) {
            transfer.packet_received(packet, now);
        }
        let mut sent = 0;
        while let Some(burst) = transfer.poll(&CONTENT, 64, now) {
            if let Burst::Blocks(blocks) = burst {
                sent += blocks.end - blocks.start;
                for block in blocks {
                    assert!(transfer.payload(block, &CONTENT, &mut scratch).len() <= blksize);
                }
            }
        }
        assert!(sent <= window, "{sent} blocks for one packet");
    }
    while let Some(deadline) = transfer.next_deadline() {
        now = now.max(deadline);
        while transfer.poll(&CONTENT, u64::MAX >> 1, now).is_some() {}
    }
    assert!(transfer.outcome().is_some());
});
