//! The server's half of one read.
//!
//! The blocks of a file are counted from 0 without wrapping; on the wire block `i` is `(i + 1) mod 65536`, so that after
//! 65535 comes 0. `base` blocks are acknowledged; the window is `base .. base + windowsize`; `next` is sent next; nothing at
//! or beyond `high` was ever sent. Always `base <= next <= high <= base + windowsize`.
//!
//! What makes it send a block again, and what does not:
//!
//! - the timeout, with backoff and a bounded number of tries;
//! - an ACK inside the window: the receiver saw a gap (RFC 7440 section 4), so sending goes on behind that block;
//! - an ACK of `base` again, when the window has more than one block: its first block was lost.
//! - never a duplicate ACK when the window is one block (RFC 1123 section 4.2.3.1, "Sorcerer's Apprentice"). In wider
//!   windows an ACK that hardly answers the window as it was last sent (it came sooner than answers do, or it echoes a
//!   block that was itself sent twice) is doubted: it repeats nothing at once, but only if no better answer follows within
//!   the time that answers take. Were it ignored, a receiver that reports a gap once would leave both sides silent until
//!   the timeout, which is long while no round trip was measured.

use std::{collections::VecDeque, ops::Range, time::Duration};

use super::{Cursor, Mode, Negotiated, Packet, data_header, rtt::RoundTrip};

/// When to send again, and when to give up.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Timeout until a round trip was measured.
    pub first_timeout: Duration,
    /// Shortest timeout, whatever was measured: firmware is slow at times.
    pub shortest_timeout: Duration,
    /// Longest timeout, however often it was doubled.
    pub longest_timeout: Duration,
    /// How often the same is sent without progress, the first time included.
    pub tries: u32,
    /// How long a transfer may last, however well it goes on.
    pub lifetime: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            first_timeout: Duration::from_secs(1),
            shortest_timeout: Duration::from_millis(200),
            longest_timeout: Duration::from_secs(8),
            tries: 8,
            lifetime: Duration::from_hours(6),
        }
    }
}

/// How a transfer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The last block was acknowledged.
    Completed,
    /// The client refused the OACK: a boot ROM that wanted to know the size only.
    Probed,
    /// The client sent an ERROR later on.
    Aborted,
    /// The client fell silent.
    TimedOut,
    /// It lasted longer than any transfer may.
    Expired,
}

/// What to send now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Burst {
    /// The OACK.
    OptionAck,
    /// These blocks, in order.
    Blocks(Range<u64>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The OACK waits for ACK 0.
    Options,
    Data,
    Over(Outcome),
}

/// How content becomes blocks.
#[derive(Clone, Debug)]
enum Layout {
    /// So many blocks; each is a slice.
    Octet { blocks: u64 },
    /// Beginnings of the blocks from `base` on, the last one being that of the next block to be sent for the first time;
    /// and the number of blocks, once the end was reached.
    Netascii { starts: VecDeque<Cursor>, blocks: Option<u64> },
}

/// One read, as its server sees it.
#[derive(Clone, Debug)]
pub struct Transfer {
    negotiated: Negotiated,
    option_ack: Option<Vec<u8>>,
    policy: Policy,
    layout: Layout,
    phase: Phase,
    began: Duration,
    /// Whether the OACK is to be sent.
    greet: bool,
    base: u64,
    next: u64,
    high: u64,
    deadline: Duration,
    tries: u32,
    round_trip: RoundTrip,
    /// A block sent once, and when: the next sample of the round trip.
    timed: Option<(u64, Duration)>,
    /// When the first block of the window, or the OACK, was last sent.
    opened: Duration,
    /// When an ACK that was doubted is believed after all.
    doubted: Option<Duration>,
    /// How often the blocks below `repeated_below` were sent again.
    repeats: u32,
    repeated_below: u64,
    /// How many more ACKs of `base` are answers to its repetitions.
    echoes: u32,
    blocks_repeated: u64,
}

impl Transfer {
    /// A read of `content` that begins now.
    pub fn new(negotiated: Negotiated, mode: Mode, content: &[u8], policy: Policy, now: Duration) -> Self {
        let layout = match mode {
            // A last block that is not full ends the transfer, so that there is an empty one when the size divides.
            Mode::Octet => Layout::Octet { blocks: content.len() as u64 / u64::from(negotiated.blksize) + 1 },
            Mode::Netascii => Layout::Netascii { starts: VecDeque::from([Cursor::default()]), blocks: None },
        };
        let option_ack = negotiated.option_ack();
        let greet = option_ack.is_some();
        Self {
            phase: if greet { Phase::Options } else { Phase::Data },
            negotiated,
            option_ack,
            policy,
            layout,
            began: now,
            greet,
            base: 0,
            next: 0,
            high: 0,
            deadline: now + policy.longest_timeout,
            tries: 0,
            round_trip: RoundTrip::default(),
            timed: None,
            opened: now,
            doubted: None,
            repeats: 0,
            repeated_below: 0,
            echoes: 0,
            blocks_repeated: 0,
        }
    }

    /// How it ended; none while it goes on.
    pub fn outcome(&self) -> Option<Outcome> {
        match self.phase {
            Phase::Over(outcome) => Some(outcome),
            Phase::Options | Phase::Data => None,
        }
    }

    /// When [`Transfer::poll`] must be called even if no packet came; none when it is over.
    pub fn next_deadline(&self) -> Option<Duration> {
        let deadline = self.deadline.min(self.doubted.unwrap_or(Duration::MAX)).min(self.began + self.policy.lifetime);
        self.outcome().is_none().then_some(deadline)
    }

    /// Blocks that were sent more than once, counted each time.
    pub fn blocks_repeated(&self) -> u64 {
        self.blocks_repeated
    }

    /// Takes a packet from the client. What does not belong here is ignored.
    pub fn packet_received(&mut self, packet: Packet<'_>, now: Duration) {
        match (packet, self.phase) {
            (Packet::Error { .. }, Phase::Options) => self.phase = Phase::Over(Outcome::Probed),
            (Packet::Error { .. }, Phase::Data) => self.phase = Phase::Over(Outcome::Aborted),
            (Packet::Ack { block: 0 }, Phase::Options) => self.options_accepted(now),
            (Packet::Ack { block }, Phase::Data) => self.acknowledged(block, now),
            _ => {}
        }
    }

    fn options_accepted(&mut self, now: Duration) {
        let took = now.saturating_sub(self.opened);
        if took < self.policy.first_timeout {
            self.round_trip.answered(took);
            if self.timed.take().is_some() {
                self.round_trip.sample(took);
            }
        }
        self.timed = None;
        self.phase = Phase::Data;
        self.greet = false;
        self.echoes = self.tries.saturating_sub(1);
        self.tries = 0;
        self.opened = now;
    }

    fn acknowledged(&mut self, block: u16, now: Duration) {
        // Unambiguous, as a window has at most 65535 blocks.
        let ahead = u64::from(block.wrapping_sub(wire(self.base)));
        if ahead > self.high - self.base {
            return; // Of a block before the window: a duplicate that took long.
        }
        if ahead == 0 {
            self.base_again(now);
        } else {
            self.advance(ahead, now);
        }
    }

    /// An ACK of what was acknowledged already.
    fn base_again(&mut self, now: Duration) {
        if self.negotiated.windowsize == 1 || self.high == self.base {
            return;
        }
        let echo = self.echoes > 0;
        self.echoes = self.echoes.saturating_sub(1);
        self.gap_told(!echo, now);
    }

    /// An ACK says that the block behind it is missing: sends it and what follows again, or doubts that.
    fn gap_told(&mut self, plausible: bool, now: Duration) {
        if plausible && self.round_trip.soonest().is_some_and(|soonest| now >= self.opened + soonest) {
            self.roll_back();
        } else {
            let patience = self.round_trip.patience().unwrap_or(self.policy.shortest_timeout);
            self.doubted = Some(self.doubted.unwrap_or(Duration::MAX).min(now + patience));
        }
    }

    fn advance(&mut self, ahead: u64, now: Duration) {
        self.measure(ahead, now);
        self.base += ahead;
        self.doubted = None;
        if let Layout::Netascii { starts, .. } = &mut self.layout {
            starts.drain(..usize::try_from(ahead).unwrap_or(usize::MAX).min(starts.len() - 1));
        }
        self.echoes = if self.base <= self.repeated_below { self.repeats } else { 0 };
        if self.base >= self.repeated_below {
            self.repeats = 0;
        }
        let gap = self.base < self.next;
        self.next = self.next.max(self.base);
        self.tries = 0;
        if self.blocks().is_some_and(|blocks| self.base >= blocks) {
            self.phase = Phase::Over(Outcome::Completed);
        } else if gap {
            self.gap_told(true, now);
        }
        if self.base == self.next {
            self.opened = now;
        }
        self.deadline = now + self.timeout();
    }

    /// Learns how long the answer took that acknowledges so many blocks more. What took long is no answer, but the receiver's
    /// own timer (RFC 2349: a second at least). Learnt from, it would make this side's timeout longer than the receiver's, so
    /// that only the receiver's timer would end any silence, and be learnt from again.
    fn measure(&mut self, ahead: u64, now: Duration) {
        let took = now.saturating_sub(self.opened);
        if took >= self.policy.first_timeout {
            self.timed = None;
            return;
        }
        self.round_trip.answered(took);
        let Some((block, at)) = self.timed else { return };
        if block < self.base + ahead {
            self.round_trip.sample(now.saturating_sub(at));
            self.timed = None;
        } else if self.base >= self.repeated_below {
            // The answer to a window that was sent once, though with a gap.
            self.round_trip.sample(took);
            self.timed = None;
        }
    }

    /// Sends the window again from its beginning.
    fn roll_back(&mut self) {
        self.next = self.base;
        self.doubted = None;
        self.timed = None;
        self.repeats += 1;
        self.repeated_below = self.high;
    }

    fn timeout(&self) -> Duration {
        let Policy { first_timeout, shortest_timeout, longest_timeout, .. } = self.policy;
        // RFC 2349: a timeout that was negotiated is the one to use.
        let measured = self.round_trip.timeout().unwrap_or(first_timeout).clamp(shortest_timeout, longest_timeout);
        let base = self.negotiated.timeout.unwrap_or(measured);
        let doubled = base.saturating_mul(1 << self.tries.saturating_sub(1).min(16));
        doubled.min(longest_timeout.max(base))
    }

    /// Deals with a deadline that passed and says what to send, at most `most` blocks at once. To be called until it returns
    /// none, after each packet and at [`Transfer::next_deadline`]. What it returns counts as sent.
    pub fn poll(&mut self, content: &[u8], most: u64, now: Duration) -> Option<Burst> {
        self.look_at_clock(now);
        match self.phase {
            Phase::Over(_) => None,
            Phase::Options => std::mem::take(&mut self.greet).then(|| {
                self.tries += 1;
                self.opened = now;
                self.timed = (self.tries == 1).then_some((0, now));
                self.deadline = now + self.timeout();
                Burst::OptionAck
            }),
            Phase::Data => self.next_blocks(content, most, now),
        }
    }

    fn look_at_clock(&mut self, now: Duration) {
        if self.outcome().is_some() {
            return;
        }
        if now >= self.began + self.policy.lifetime {
            self.phase = Phase::Over(Outcome::Expired);
        } else if now >= self.deadline && self.tries >= self.policy.tries {
            self.phase = Phase::Over(Outcome::TimedOut);
        } else if now >= self.deadline {
            match self.phase {
                Phase::Options => self.greet = true,
                _ => self.roll_back(),
            }
        } else if self.doubted.is_some_and(|doubted| now >= doubted) {
            self.roll_back();
        }
    }

    fn next_blocks(&mut self, content: &[u8], most: u64, now: Duration) -> Option<Burst> {
        let first = self.next;
        let end = self.window_end(content, first + most.max(1));
        if first >= end {
            return None;
        }
        if first == self.base {
            self.tries += 1;
            self.opened = now;
        }
        self.blocks_repeated += self.high.min(end).saturating_sub(first);
        if self.timed.is_none() && first >= self.high {
            self.timed = Some((end - 1, now));
        }
        self.next = end;
        self.high = self.high.max(end);
        self.deadline = now + self.timeout();
        Some(Burst::Blocks(first..end))
    }

    /// Where the window ends, but no further than `limit`.
    fn window_end(&mut self, content: &[u8], limit: u64) -> u64 {
        let limit = limit.min(self.base + u64::from(self.negotiated.windowsize));
        match &mut self.layout {
            Layout::Octet { blocks } => limit.min(*blocks),
            Layout::Netascii { starts, blocks } => {
                let blksize = usize::from(self.negotiated.blksize);
                while blocks.is_none() && self.base + (starts.len() as u64) <= limit {
                    let Some(last) = starts.back() else { break };
                    let (end, length) = last.advance(content, blksize);
                    if length < blksize {
                        *blocks = Some(self.base + starts.len() as u64);
                    } else {
                        starts.push_back(end);
                    }
                }
                limit.min(blocks.unwrap_or(limit))
            }
        }
    }

    fn blocks(&self) -> Option<u64> {
        match &self.layout {
            Layout::Octet { blocks } => Some(*blocks),
            Layout::Netascii { blocks, .. } => *blocks,
        }
    }

    /// The OACK, when there is one.
    pub fn option_ack(&self) -> &[u8] {
        self.option_ack.as_deref().unwrap_or_default()
    }

    /// The header of a block's DATA packet.
    pub fn header(block: u64) -> [u8; 4] {
        data_header(wire(block + 1))
    }

    /// The content of a block that [`Transfer::poll`] named last: a slice of `content`, or encoded into `scratch`.
    pub fn payload<'a>(&self, block: u64, content: &'a [u8], scratch: &'a mut Vec<u8>) -> &'a [u8] {
        let blksize = usize::from(self.negotiated.blksize);
        match &self.layout {
            Layout::Octet { .. } => self.slice(block, content),
            Layout::Netascii { starts, .. } => {
                scratch.clear();
                let start =
                    block.checked_sub(self.base).and_then(|n| usize::try_from(n).ok()).and_then(|n| starts.get(n));
                if let Some(start) = start {
                    start.encode(content, blksize, scratch);
                }
                scratch
            }
        }
    }

    /// The part of `content` that an octet block is; nothing beyond its end.
    pub fn slice<'a>(&self, block: u64, content: &'a [u8]) -> &'a [u8] {
        let blksize = usize::from(self.negotiated.blksize);
        let start = usize::try_from(block).unwrap_or(usize::MAX).saturating_mul(blksize).min(content.len());
        &content[start..start.saturating_add(blksize).min(content.len())]
    }

    /// What it goes by.
    pub fn negotiated(&self) -> &Negotiated {
        &self.negotiated
    }
}

/// A block's number on the wire, where blocks count from 1.
fn wire(block: u64) -> u16 {
    // Truncation is the rollover.
    (block & 0xffff) as u16
}

#[cfg(test)]
mod tests;
