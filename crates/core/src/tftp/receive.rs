//! The client's half of one read, as RFC 1350 and RFC 7440 have it: for simulated machines and as the other side in tests.

use std::time::Duration;

use super::{DEFAULT_BLKSIZE, ErrorCode, OptionError, Packet, RawOptions, ack, error, options::decimal, request};
use crate::tftp::Mode;

/// How far ahead a block may be: half of all numbers, as the other half are of blocks received before.
const FARTHEST: u64 = 0x8000;

/// What to send after a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// An ACK.
    Ack([u8; 4]),
    /// An ERROR; the read is over.
    Error(Vec<u8>),
}

impl AsRef<[u8]> for Reply {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Ack(packet) => packet,
            Self::Error(packet) => packet,
        }
    }
}

/// What a packet brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reaction<'a> {
    /// The next bytes of the file.
    pub data: &'a [u8],
    /// What to send.
    pub reply: Option<Reply>,
}

/// One read, as its client sees it.
#[derive(Clone, Debug)]
pub struct Receiver {
    request: Vec<u8>,
    asked: Vec<(&'static str, u64)>,
    blksize: usize,
    windowsize: u64,
    /// The size that the server announced.
    pub tsize: Option<u64>,
    /// Blocks received in order.
    received: u64,
    since_ack: u64,
    /// Whether the gap that is open was reported.
    gap_told: bool,
    answered: bool,
    finished: bool,
    failed: Option<(u16, String)>,
    timeout: Duration,
    deadline: Duration,
}

impl Receiver {
    /// A read with these options (`blksize`, `windowsize`, `timeout`, `tsize`). The first packet is [`Receiver::request`].
    pub fn new(name: &str, mode: Mode, options: &[(&'static str, u64)], timeout: Duration, now: Duration) -> Self {
        Self {
            request: request(name, mode, options),
            asked: options.to_vec(),
            blksize: DEFAULT_BLKSIZE.into(),
            windowsize: 1,
            tsize: None,
            received: 0,
            since_ack: 0,
            gap_told: false,
            answered: false,
            finished: false,
            failed: None,
            timeout,
            deadline: now + timeout,
        }
    }

    /// The request.
    pub fn request(&self) -> &[u8] {
        &self.request
    }

    /// Whether the last block is here.
    pub fn finished(&self) -> bool {
        self.finished
    }

    /// The server's error, or the reason for which its options were refused.
    pub fn failed(&self) -> Option<&(u16, String)> {
        self.failed.as_ref()
    }

    /// The `blksize` in force: 512 until the server agreed to another.
    pub fn blksize(&self) -> usize {
        self.blksize
    }

    /// The `windowsize` in force: 1 until the server agreed to another.
    pub fn windowsize(&self) -> u64 {
        self.windowsize
    }

    /// When to call [`Receiver::timed_out`].
    pub fn next_deadline(&self) -> Duration {
        self.deadline
    }

    /// What to send when nothing came: the request, or the last ACK.
    pub fn timed_out(&mut self, now: Duration) -> Vec<u8> {
        self.deadline = now + self.timeout;
        if self.answered { self.acknowledge().to_vec() } else { self.request.clone() }
    }

    /// Takes a packet from the server.
    pub fn packet_received<'a>(&mut self, packet: Packet<'a>, now: Duration) -> Reaction<'a> {
        match packet {
            Packet::Data { block, data } => self.block(block, data, now),
            Packet::OptionAck(options) if self.received == 0 && !self.finished => match self.accept(options) {
                Ok(()) => {
                    self.answered = true;
                    self.deadline = now + self.timeout;
                    Reaction { reply: Some(Reply::Ack(self.acknowledge())), ..Reaction::default() }
                }
                Err(reason) => {
                    self.failed = Some((ErrorCode::OPTION_REFUSED.0, reason.to_string()));
                    let reply = Reply::Error(error(ErrorCode::OPTION_REFUSED, &reason.to_string()));
                    Reaction { reply: Some(reply), ..Reaction::default() }
                }
            },
            Packet::Error { code, message } if !self.finished => {
                self.failed = Some((code.0, String::from_utf8_lossy(message).into_owned()));
                Reaction::default()
            }
            _ => Reaction::default(),
        }
    }

    fn accept(&mut self, options: RawOptions<'_>) -> Result<(), OptionError> {
        for (name, value) in options.iter() {
            let asked = self.asked.iter().find(|(asked, _)| name.eq_ignore_ascii_case(asked.as_bytes()));
            let (name, most) = *asked.ok_or(OptionError("an unknown option"))?;
            let value = decimal(value).ok_or(OptionError(name))?;
            match name {
                "blksize" if (8..=most).contains(&value) => {
                    self.blksize = usize::try_from(value).unwrap_or(usize::MAX);
                }
                "windowsize" if (1..=most).contains(&value) => self.windowsize = value,
                "timeout" if value == most => {}
                "tsize" => self.tsize = Some(value),
                name => return Err(OptionError(name)),
            }
        }
        Ok(())
    }

    fn block<'a>(&mut self, block: u16, data: &'a [u8], now: Duration) -> Reaction<'a> {
        self.answered = true;
        let ahead = u64::from(block.wrapping_sub(wire(self.received)));
        // The last block again: if it was acknowledged, that was lost. Inside a window an ACK would claim a gap.
        let unheard = ahead == 0 && self.since_ack == 0;
        // The window from its first block again: the server waited for its end, which was lost behind the blocks that came.
        let began_again = self.since_ack > 1 && block == wire(self.received - self.since_ack + 1);
        if ahead == 0 || began_again {
            let again = (unheard || began_again).then(|| Reply::Ack(self.acknowledge()));
            return Reaction { reply: again, ..Reaction::default() };
        }
        if ahead != 1 || self.finished || data.len() > self.blksize {
            let gap = ahead <= self.windowsize.min(FARTHEST) && !self.finished;
            // Told once; but the block right behind the gap says that the server began again there, and the missing block
            // was lost once more.
            let tell = gap && (!std::mem::replace(&mut self.gap_told, true) || ahead == 2);
            return Reaction { reply: tell.then(|| Reply::Ack(self.acknowledge())), ..Reaction::default() };
        }
        self.received += 1;
        self.since_ack += 1;
        self.gap_told = false;
        self.finished = data.len() < self.blksize;
        self.deadline = now + self.timeout;
        let due = self.finished || self.since_ack == self.windowsize;
        Reaction { data, reply: due.then(|| Reply::Ack(self.acknowledge())) }
    }

    fn acknowledge(&mut self) -> [u8; 4] {
        self.since_ack = 0;
        ack(wire(self.received))
    }
}

fn wire(block: u64) -> u16 {
    (block & 0xffff) as u16
}
