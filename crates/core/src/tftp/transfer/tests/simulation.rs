//! A transfer against a receiver, over a link that loses, duplicates, delays and reorders; no sockets, time by hand.

use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;

use super::super::*;
use crate::tftp::{Limits, Receiver, data_header, negotiate};

/// What the link does to each packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub(super) lost_percent: u64,
    pub(super) doubled_percent: u64,
    pub(super) delay: Duration,
    /// How many packets take up to `jitter` longer.
    pub(super) late_percent: u64,
    pub(super) jitter: Duration,
    /// How long a packet to the client occupies the narrowest place, where `queue` of them may wait.
    pub(super) service: Duration,
    pub(super) queue: u32,
}

pub(super) const CLEAN: Link = Link {
    lost_percent: 0,
    doubled_percent: 0,
    delay: Duration::from_millis(5),
    late_percent: 100,
    jitter: Duration::ZERO,
    service: Duration::ZERO,
    queue: 0,
};

pub(super) struct World {
    link: Link,
    dice: u64,
    pub(super) now: Duration,
    /// When the narrowest place has passed on what was given to it.
    free: Duration,
    /// By arrival; the number keeps what arrives at the same time in order.
    flying: BTreeMap<(Duration, u64), (bool, Vec<u8>)>,
    packets: u64,
    data_packets: u64,
    /// How often a side waited for nothing.
    pub(super) timeouts: u32,
}

impl World {
    pub(super) fn new(link: Link, seed: u64) -> Self {
        let (now, free, flying) = (Duration::ZERO, Duration::ZERO, BTreeMap::new());
        Self { link, dice: seed | 1, now, free, flying, packets: 0, data_packets: 0, timeouts: 0 }
    }

    fn roll(&mut self, sides: u64) -> u64 {
        // xorshift64*
        self.dice ^= self.dice >> 12;
        self.dice ^= self.dice << 25;
        self.dice ^= self.dice >> 27;
        (self.dice.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % sides
    }

    fn send(&mut self, to_server: bool, packet: &[u8]) {
        self.data_packets += u64::from(!to_server && packet[1] == 3);
        let Some(passed) = (if to_server { Some(self.now) } else { self.passed() }) else { return };
        let copies = 1 + u64::from(self.roll(100) < self.link.doubled_percent);
        for _ in 0..copies {
            if self.roll(100) >= self.link.lost_percent {
                let jitter = u64::try_from(self.link.jitter.as_micros()).expect("short");
                let jitter = if self.roll(100) < self.link.late_percent { self.roll(jitter + 1) } else { 0 };
                let arrival = passed + self.link.delay + Duration::from_micros(jitter);
                self.packets += 1;
                self.flying.insert((arrival, self.packets), (to_server, packet.to_vec()));
            }
        }
    }

    /// When a packet that is sent now has passed the narrowest place; none when there is no room left.
    fn passed(&mut self) -> Option<Duration> {
        let begins = self.free.max(self.now);
        if !self.link.service.is_zero() && begins > self.now + self.link.service * self.link.queue {
            return None;
        }
        self.free = begins + self.link.service;
        Some(self.free)
    }

    /// The content that arrived, how the transfer ended, and when.
    pub(super) fn run(
        &mut self,
        content: &[u8],
        mode: Mode,
        options: &[(&'static str, u64)],
    ) -> (Vec<u8>, Transfer, Receiver) {
        let mut receiver = Receiver::new("file", mode, options, Duration::from_secs(1), self.now);
        let request = receiver.request().to_vec();
        // A request that is lost or doubled is the listener's business, not the transfer's.
        let Ok(Packet::Read(read)) = Packet::parse(&request) else { panic!("not a read") };
        let negotiated = negotiate(read.options, mode, content.len() as u64, Limits::default());
        let policy = Policy { tries: 60, ..Policy::default() };
        let mut transfer = Transfer::new(negotiated, mode, content, policy, self.now);
        let (mut arrived, mut scratch) = (Vec::new(), Vec::new());
        loop {
            while let Some(burst) = transfer.poll(content, 7, self.now) {
                match burst {
                    Burst::OptionAck => self.send(false, transfer.option_ack()),
                    Burst::Blocks(blocks) => {
                        for block in blocks {
                            let mut packet = Transfer::header(block).to_vec();
                            packet.extend_from_slice(transfer.payload(block, content, &mut scratch));
                            self.send(false, &packet);
                        }
                    }
                }
            }
            let Some(deadline) = transfer.next_deadline() else { return (arrived, transfer, receiver) };
            let deadline = deadline.min(receiver.next_deadline());
            if let Some(key) = self.flying.first_key_value().map(|(key, _)| *key).filter(|(at, _)| *at <= deadline) {
                let (to_server, packet) = self.flying.remove(&key).expect("it was there");
                self.now = key.0;
                let parsed = Packet::parse(&packet).expect("both sides speak TFTP");
                if to_server {
                    transfer.packet_received(parsed, self.now);
                    continue;
                }
                let reaction = receiver.packet_received(parsed, self.now);
                arrived.extend_from_slice(reaction.data);
                assert_eq!(receiver.failed(), None);
                if let Some(reply) = reaction.reply {
                    self.send(true, reply.as_ref());
                }
            } else {
                self.now = deadline;
                self.timeouts += 1;
                if receiver.next_deadline() <= self.now {
                    let packet = receiver.timed_out(self.now);
                    if packet[1] == 4 && !receiver.finished() {
                        self.send(true, &packet);
                    }
                }
            }
            assert!(self.now < Duration::from_hours(7), "it never ends: {transfer:?} {receiver:?}");
        }
    }
}

pub(super) fn content(size: usize, seed: u64) -> Vec<u8> {
    // Blocks differ from each other, and line ends are frequent.
    (0..size as u64).map(|i| ((i.wrapping_mul(seed | 1) >> 3) ^ (i >> 9)).to_le_bytes()[0] % 23).collect()
}

fn on_the_wire(content: &[u8], mode: Mode) -> Vec<u8> {
    let mut encoded = Vec::new();
    match mode {
        Mode::Octet => encoded.extend_from_slice(content),
        Mode::Netascii => Cursor::default().encode(content, usize::MAX, &mut encoded),
    }
    encoded
}

fn link() -> impl Strategy<Value = Link> {
    (0..30_u64, 0..30_u64, 0..40_u64, 0..40_u64).prop_map(|(lost_percent, doubled_percent, delay, jitter)| Link {
        lost_percent,
        doubled_percent,
        delay: Duration::from_millis(delay),
        jitter: Duration::from_millis(jitter),
        ..CLEAN
    })
}

/// Any options, also absent and absurd ones.
fn options() -> impl Strategy<Value = Vec<(&'static str, u64)>> {
    let blksize = prop::option::of(prop_oneof![8..1500_u64, Just(65464), 0..70_000_u64]);
    let windowsize = prop::option::of(prop_oneof![1..40_u64, 0..70_000_u64]);
    let timeout = prop::option::of(0..4_u64);
    (blksize, windowsize, timeout, any::<bool>()).prop_map(|(blksize, windowsize, timeout, tsize)| {
        let given =
            [("blksize", blksize), ("windowsize", windowsize), ("timeout", timeout), ("tsize", tsize.then_some(0))];
        given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    })
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![3 => Just(Mode::Octet), 1 => Just(Mode::Netascii)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// The heart of it: whatever the link does, exactly these bytes arrive, in bounded time.
    #[test]
    fn any_link_delivers_the_exact_bytes(
        size in 0_usize..20_000, seed in any::<u64>(), link in link(), options in options(), mode in mode(),
    ) {
        let content = content(size, seed);
        let mut world = World::new(link, seed);
        let (arrived, transfer, receiver) = world.run(&content, mode, &options);
        prop_assert!(receiver.finished(), "{:?} {:?}", transfer.outcome(), world.now);
        prop_assert!(arrived == on_the_wire(&content, mode), "{} of {size} bytes", arrived.len());
        if let Some(announced) = receiver.tsize {
            prop_assert_eq!(announced, size as u64);
        }
        // A last ACK that never got through is the client's word missing, not its bytes.
        prop_assert!(matches!(transfer.outcome(), Some(Outcome::Completed | Outcome::TimedOut)));
    }

    /// Duplicates alone never multiply the traffic, whatever the window.
    #[test]
    fn duplicates_alone_repeat_nothing(
        size in 0_usize..20_000, seed in any::<u64>(), doubled in 0..100_u64, window in 1..30_u64,
    ) {
        let content = content(size, seed);
        let mut world = World::new(Link { doubled_percent: doubled, ..CLEAN }, seed);
        let options = [("windowsize", window), ("blksize", 100)];
        let (arrived, transfer, _) = world.run(&content, Mode::Octet, &options);
        prop_assert!(arrived == content);
        prop_assert_eq!(transfer.blocks_repeated(), 0);
        prop_assert_eq!(world.data_packets, size as u64 / 100 + 1);
    }

    /// A clean link carries each block once, and each window takes one round trip.
    #[test]
    fn a_clean_link_carries_everything_once(size in 0_usize..60_000, window in 1..40_u64, mode in mode()) {
        let content = content(size, 3);
        let mut world = World::new(CLEAN, 1);
        let (arrived, transfer, _) = world.run(&content, mode, &[("windowsize", window)]);
        let encoded = on_the_wire(&content, mode);
        prop_assert!(arrived == encoded);
        let blocks = encoded.len() as u64 / 512 + 1;
        prop_assert_eq!((transfer.outcome(), world.data_packets), (Some(Outcome::Completed), blocks));
        let windows = u32::try_from(blocks.div_ceil(window)).expect("few");
        prop_assert_eq!(world.now, 10 * Duration::from_millis(1) * (windows + 1));
    }

    /// Whatever a client sends: no panic, bounded work for each packet, and an end.
    #[test]
    fn no_client_breaks_it(
        packets in prop::collection::vec((any::<u16>(), 0..4_u8, 0..900_u64), 0..200), options in options(), mode in mode(),
    ) {
        let content = content(9_000, 5);
        let packet = crate::tftp::request("file", mode, &options);
        let Ok(Packet::Read(read)) = Packet::parse(&packet) else { panic!("not a read") };
        let negotiated = negotiate(read.options, mode, content.len() as u64, Limits::default());
        let window = u64::from(negotiated.windowsize);
        let mut transfer = Transfer::new(negotiated, mode, &content, Policy::default(), Duration::ZERO);
        let (mut now, mut scratch) = (Duration::ZERO, Vec::new());
        for (block, kind, pause) in packets {
            now += Duration::from_millis(pause);
            let header = data_header(block);
            transfer.packet_received(match kind {
                0 => Packet::Ack { block },
                1 => Packet::Ack { block: block % 20 },
                2 => Packet::Ack { block: wire(transfer.base) },
                _ => Packet::Data { block, data: &header },
            }, now);
            let mut sent = 0;
            while let Some(burst) = transfer.poll(&content, 64, now) {
                if let Burst::Blocks(blocks) = burst {
                    sent += blocks.end - blocks.start;
                    for block in blocks {
                        transfer.payload(block, &content, &mut scratch);
                    }
                }
            }
            prop_assert!(sent <= window, "one packet set {sent} blocks in motion");
        }
        while let Some(deadline) = transfer.next_deadline() {
            now = now.max(deadline);
            while transfer.poll(&content, 1000, now).is_some() {}
        }
        prop_assert!(transfer.outcome().is_some());
    }
}

#[test]
fn rollover_survives_a_bad_link() {
    let (delay, jitter) = (Duration::from_millis(2), Duration::from_millis(3));
    let link = Link { lost_percent: 1, doubled_percent: 2, delay, jitter, ..CLEAN };
    let content = content(8 * 70_000, 9);
    let (arrived, transfer, _) = World::new(link, 77).run(&content, Mode::Octet, &[("blksize", 8), ("windowsize", 16)]);
    assert!(arrived == content, "{} bytes arrived, {:?}", arrived.len(), transfer.outcome());
}
