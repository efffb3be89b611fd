//! Single steps: what each packet and each moment makes a transfer do.

use std::time::Duration;

use super::super::*;
use crate::tftp::{ErrorCode, Limits, negotiate, request};

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);
const NOTHING: [i32; 0] = [];

struct Bench {
    transfer: Transfer,
    content: Vec<u8>,
    now: Duration,
}

impl Bench {
    fn new(size: usize, options: &[(&str, u64)]) -> Self {
        Self::of(vec![7; size], Mode::Octet, options)
    }

    fn of(content: Vec<u8>, mode: Mode, options: &[(&str, u64)]) -> Self {
        let packet = request("file", mode, options);
        let Ok(Packet::Read(read)) = Packet::parse(&packet) else { panic!("not a read") };
        let negotiated = negotiate(read.options, mode, content.len() as u64, Limits::default());
        let now = 5 * SECOND;
        Self { transfer: Transfer::new(negotiated, mode, &content, Policy::default(), now), content, now }
    }

    /// Everything there is to send now, as block numbers on the wire; -1 is the OACK.
    fn sent(&mut self) -> Vec<i32> {
        let mut sent = Vec::new();
        while let Some(burst) = self.transfer.poll(&self.content, 3, self.now) {
            match burst {
                Burst::OptionAck => sent.push(-1),
                Burst::Blocks(blocks) => {
                    assert!(blocks.end - blocks.start <= 3);
                    sent.extend(blocks.map(|block| {
                        i32::from(u16::from_be_bytes([Transfer::header(block)[2], Transfer::header(block)[3]]))
                    }));
                }
            }
        }
        sent
    }

    fn after(&mut self, pause: Duration) -> &mut Self {
        self.now += pause;
        self
    }

    fn ack(&mut self, block: u16) -> Vec<i32> {
        self.transfer.packet_received(Packet::Ack { block }, self.now);
        self.sent()
    }

    /// Goes to the deadline and says how far it was.
    fn wait(&mut self) -> Duration {
        let deadline = self.transfer.next_deadline().expect("it goes on");
        let pause = deadline.saturating_sub(self.now);
        self.now = deadline;
        pause
    }
}

#[test]
fn without_options_data_comes_at_once() {
    let mut bench = Bench::new(512 + 5, &[]);
    assert_eq!(bench.sent(), [1]);
    assert_eq!(bench.sent(), NOTHING, "once");
    assert_eq!(bench.ack(1), [2]);
    assert_eq!(bench.ack(2), NOTHING);
    assert_eq!(bench.transfer.outcome(), Some(Outcome::Completed));
    assert_eq!(bench.transfer.next_deadline(), None);
    assert_eq!(bench.transfer.blocks_repeated(), 0);
}

#[test]
fn a_size_that_divides_ends_with_an_empty_block() {
    let mut bench = Bench::new(1024, &[]);
    assert_eq!([bench.sent(), bench.ack(1), bench.ack(2)], [[1], [2], [3]]);
    assert_eq!(bench.transfer.payload(1, &[7; 1024], &mut Vec::new()).len(), 512);
    assert_eq!(bench.transfer.payload(2, &[7; 1024], &mut Vec::new()).len(), 0);
    bench.ack(3);
    assert_eq!(bench.transfer.outcome(), Some(Outcome::Completed));
    let mut empty = Bench::new(0, &[]);
    assert_eq!(empty.sent(), [1]);
    empty.ack(1);
    assert_eq!(empty.transfer.outcome(), Some(Outcome::Completed));
}

#[test]
fn options_are_acknowledged_before_data() {
    let mut bench = Bench::new(5000, &[("blksize", 1000), ("windowsize", 4)]);
    assert_eq!(bench.sent(), [-1]);
    assert_eq!(bench.ack(1), NOTHING, "nothing was sent that this could be for");
    assert_eq!(bench.ack(0), [1, 2, 3, 4]);
    assert_eq!(bench.after(MS).ack(4), [5, 6]);
    assert_eq!(bench.after(MS).ack(6), NOTHING);
    assert_eq!(bench.transfer.outcome(), Some(Outcome::Completed));
}

#[test]
fn a_size_probe_ends_in_silence() {
    let mut bench = Bench::new(5000, &[("tsize", 0)]);
    assert_eq!(bench.sent(), [-1]);
    bench.transfer.packet_received(Packet::Error { code: ErrorCode::UNDEFINED, message: b"TFTP Aborted" }, bench.now);
    assert_eq!(bench.transfer.outcome(), Some(Outcome::Probed));
    assert_eq!(bench.sent(), NOTHING);
    assert_eq!(bench.after(60 * SECOND).sent(), NOTHING);
}

#[test]
fn a_client_that_aborts_hears_nothing_more() {
    let mut bench = Bench::new(5000, &[]);
    bench.sent();
    bench.transfer.packet_received(Packet::Error { code: ErrorCode(3), message: b"disk full" }, bench.now);
    assert_eq!(bench.transfer.outcome(), Some(Outcome::Aborted));
    assert_eq!(bench.after(60 * SECOND).sent(), NOTHING);
}

#[test]
fn silence_backs_off_and_ends() {
    for (options, first) in [(&[][..], vec![1]), (&[("tsize", 0)], vec![-1])] {
        let mut bench = Bench::new(5000, options);
        assert_eq!(bench.sent(), first);
        for pause in [1, 2, 4, 8, 8, 8, 8] {
            assert_eq!(bench.after((pause * SECOND).saturating_sub(MS)).sent(), NOTHING, "not before its time");
            assert_eq!(bench.after(MS).sent(), first, "{pause}");
        }
        assert_eq!(bench.wait(), 8 * SECOND);
        assert_eq!(bench.sent(), NOTHING);
        assert_eq!(bench.transfer.outcome(), Some(Outcome::TimedOut));
    }
}

#[test]
fn a_negotiated_timeout_is_kept() {
    let mut bench = Bench::new(5000, &[("timeout", 3)]);
    bench.sent();
    assert_eq!(bench.after(MS).ack(0), [1]);
    assert_eq!(bench.wait(), 3 * SECOND, "whatever was measured");
    bench.sent();
    assert_eq!(bench.wait(), 6 * SECOND);
}

#[test]
fn the_timeout_follows_the_round_trip() {
    let mut bench = Bench::new(50_000, &[]);
    bench.sent();
    for block in 1..20 {
        assert_eq!(bench.after(300 * MS).ack(block), [i32::from(block) + 1]);
    }
    let pause = bench.wait();
    assert!(pause > 300 * MS && pause < 400 * MS, "{pause:?}");
    let mut bench = Bench::new(50_000, &[]);
    bench.sent();
    bench.after(MS).ack(1);
    assert_eq!(bench.wait(), 200 * MS, "never shorter than firmware may need");
}

#[test]
fn duplicate_acks_repeat_nothing() {
    let mut bench = Bench::new(5000, &[]);
    assert_eq!(bench.sent(), [1]);
    assert_eq!(bench.after(MS).ack(1), [2]);
    for _ in 0..10 {
        assert_eq!(bench.after(15 * MS).ack(1), NOTHING, "RFC 1123 section 4.2.3.1");
        assert_eq!(bench.ack(0), NOTHING);
    }
    assert_eq!(bench.ack(3), NOTHING, "not sent yet");
    assert_eq!(bench.ack(2), [3]);
    assert_eq!(bench.transfer.blocks_repeated(), 0);
}

#[test]
fn sending_goes_on_behind_a_gap() {
    let mut bench = Bench::new(100_000, &[("windowsize", 8)]);
    bench.sent();
    assert_eq!(bench.after(10 * MS).ack(0), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(bench.after(10 * MS).ack(3), [4, 5, 6, 7, 8, 9, 10, 11]);
    assert_eq!(bench.transfer.blocks_repeated(), 5);
    // The rest of the first flight may make a receiver complain again; that changes nothing.
    assert_eq!(bench.after(MS).ack(3), NOTHING);
    assert_eq!(bench.after(MS).ack(3), NOTHING);
    assert_eq!(bench.after(9 * MS).ack(11), [12, 13, 14, 15, 16, 17, 18, 19]);
}

#[test]
fn an_ack_of_the_windows_base_sends_it_again() {
    let mut bench = Bench::new(100_000, &[("windowsize", 3)]);
    bench.sent();
    assert_eq!(bench.after(10 * MS).ack(0), [1, 2, 3]);
    assert_eq!(bench.after(10 * MS).ack(3), [4, 5, 6]);
    assert_eq!(bench.after(10 * MS).ack(3), [4, 5, 6], "the first block was lost");
    assert_eq!(bench.after(MS).ack(3), NOTHING, "from the same flight");
    assert_eq!(bench.after(10 * MS).ack(6), [7, 8, 9]);
    // The window before was sent twice: one answer more is to be expected and means nothing.
    assert_eq!(bench.after(20 * MS).ack(6), NOTHING);
    assert_eq!(bench.after(MS).ack(6), [7, 8, 9]);
}

#[test]
fn a_gap_is_believed_without_any_sample_of_the_round_trip() {
    let mut bench = Bench::new(512 * 50 - 1, &[("windowsize", 50)]);
    bench.sent();
    bench.wait();
    assert_eq!(bench.sent(), [-1], "which of both is answered nobody knows");
    assert_eq!(bench.after(10 * MS).ack(0).len(), 50);
    // All of the file was sent: nothing more can be a sample.
    for block in [3, 9, 20, 33] {
        assert_eq!(bench.after(10 * MS).ack(block).len(), 50 - usize::from(block), "at once behind block {block}");
    }
}

#[test]
fn a_doubted_gap_is_believed_when_no_better_answer_follows() {
    let mut bench = Bench::new(100_000, &[("windowsize", 8)]);
    bench.sent();
    bench.after(10 * MS).ack(0);
    assert_eq!(bench.after(2 * MS).ack(3), [9, 10, 11], "sooner than answers come");
    assert!(bench.wait() < 50 * MS, "no timeout is waited for");
    assert_eq!(bench.sent(), [4, 5, 6, 7, 8, 9, 10, 11]);
    assert_eq!(bench.after(2 * MS).ack(3), NOTHING);
    assert_eq!(bench.after(8 * MS).ack(11), [12, 13, 14, 15, 16, 17, 18, 19]);
    assert!(bench.wait() >= 200 * MS, "progress ends the doubt");
}

#[test]
fn a_duplicated_window_ack_repeats_nothing() {
    let mut bench = Bench::new(1_000_000, &[("windowsize", 4)]);
    bench.sent();
    bench.after(10 * MS).ack(0);
    for window in 1..50 {
        assert_eq!(bench.after(10 * MS).ack(window * 4).len(), 4);
        assert_eq!(bench.after(MS).ack(window * 4), NOTHING);
    }
    assert_eq!(bench.transfer.blocks_repeated(), 0);
}

#[test]
fn blocks_roll_over() {
    let mut bench = Bench::new(8 * 140_000, &[("blksize", 8), ("windowsize", 5)]);
    bench.sent();
    let mut sent = bench.ack(0);
    let mut blocks = 0_usize;
    while let Some(last) = sent.last() {
        blocks += sent.len();
        assert_eq!(usize::try_from(*last).expect("a block"), blocks % 65536);
        let last = u16::try_from(*last).expect("a block");
        sent = bench.after(MS).ack(last);
    }
    assert_eq!((blocks, bench.transfer.outcome()), (140_001, Some(Outcome::Completed)));
}

#[test]
fn a_transfer_has_a_lifetime() {
    let mut bench = Bench::new(1 << 30, &[]);
    bench.sent();
    let mut block = 0_u16;
    while bench.transfer.outcome().is_none() {
        block = block.wrapping_add(1);
        bench.after(7 * SECOND).ack(block);
    }
    assert_eq!(bench.transfer.outcome(), Some(Outcome::Expired));
    assert!(bench.now < 7 * 3600 * SECOND);
}

#[test]
fn netascii_blocks_are_encoded_where_they_begin() {
    let mut bench = Bench::of(b"ab\ncd\nef\ng".to_vec(), Mode::Netascii, &[("blksize", 8), ("windowsize", 2)]);
    assert_eq!(bench.sent(), [-1]);
    assert_eq!(bench.ack(0), [1, 2]);
    let (content, mut scratch) = (bench.content.clone(), Vec::new());
    assert_eq!(bench.transfer.payload(0, &content, &mut scratch), b"ab\r\ncd\r\n");
    assert_eq!(bench.transfer.payload(1, &content, &mut scratch), b"ef\r\ng");
    assert_eq!(bench.ack(2), NOTHING);
    assert_eq!(bench.transfer.outcome(), Some(Outcome::Completed));
}
