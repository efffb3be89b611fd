//! The thread of a link: frames from each tap wait for their time and leave by the other.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    os::fd::{AsFd, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use nix::poll::{PollFd, PollFlags};

use super::{
    Config,
    impair::{Fate, Fates},
    tap::Tap,
};

/// Frames of one direction that may wait; what comes on top is lost, as in a switch.
const LONGEST_QUEUE: usize = 20_000;
/// Room for any frame of a tap.
const LARGEST_FRAME: usize = 65_536 + 64;
/// Frames taken from one tap before the other has its turn.
const TURN: usize = 64;

/// What happened to a direction's frames.
#[derive(Debug, Default)]
pub struct Counters {
    /// Arrived, copies included.
    pub carried: AtomicU64,
    /// Lost on purpose.
    pub lost: AtomicU64,
    /// Sent twice.
    pub doubled: AtomicU64,
    /// Held back so that others overtook them.
    pub reordered: AtomicU64,
    /// Lost because the queue was full or the interface down.
    pub dropped: AtomicU64,
}

/// Sorted by time of arrival, then by number.
type Waiting = BinaryHeap<Reverse<(Instant, u64, Vec<u8>)>>;

#[derive(Debug)]
struct Direction {
    from: Tap,
    fates: Fates,
    rate: Option<u64>,
    /// When the wire has sent what was given to it.
    wire_free: Instant,
    waiting: Waiting,
    number: u64,
    counters: Arc<Counters>,
}

/// Both directions.
#[derive(Debug)]
pub(super) struct Relay {
    directions: [Direction; 2],
}

impl Relay {
    pub(super) fn new([left, right]: [Tap; 2], config: &Config, [there, back]: [Arc<Counters>; 2]) -> Self {
        let direction = |from, index: usize, counters| Direction {
            from,
            fates: Fates::new(config.impairments[index], config.seed.wrapping_mul(2).wrapping_add(index as u64)),
            rate: config.impairments[index].rate,
            wire_free: Instant::now(),
            waiting: Waiting::new(),
            number: 0,
            counters,
        };
        Self { directions: [direction(left, 0, there), direction(right, 1, back)] }
    }

    /// Carries frames until the other end of the pipe is closed.
    pub(super) fn run(mut self, stop: &OwnedFd) {
        let mut buffer = vec![0; LARGEST_FRAME];
        loop {
            let due = self.directions.iter().filter_map(Direction::next_due).min();
            if self.wait(due, stop) {
                return;
            }
            for direction in &mut self.directions {
                direction.take_in(&mut buffer);
            }
            let now = Instant::now();
            let [left, right] = &mut self.directions;
            left.give_out(&right.from, now);
            right.give_out(&left.from, now);
        }
    }

    /// Waits for a frame or that moment; true when it is time to end.
    fn wait(&self, due: Option<Instant>, stop: &OwnedFd) -> bool {
        let [left, right] = &self.directions;
        let mut fds =
            [left.from.as_fd(), right.from.as_fd(), stop.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        let pause = due.map(|due| due.saturating_duration_since(Instant::now()).into());
        // An interrupted wait is a short one.
        let _ = nix::poll::ppoll(&mut fds, pause, None);
        fds[2].any().unwrap_or(true)
    }
}

impl Direction {
    fn next_due(&self) -> Option<Instant> {
        self.waiting.peek().map(|Reverse((due, ..))| *due)
    }

    fn take_in(&mut self, buffer: &mut [u8]) {
        for _ in 0..TURN {
            // An interface that is down or gone has no frames.
            let Ok(Some(length)) = self.from.receive(buffer) else { return };
            self.take_frame(&buffer[..length]);
        }
    }

    fn take_frame(&mut self, frame: &[u8]) {
        let Fate { arrives, copy, reordered } = self.fates.next();
        let Some(arrives) = arrives else {
            self.counters.lost.fetch_add(1, Ordering::Relaxed);
            return;
        };
        self.counters.reordered.fetch_add(reordered.into(), Ordering::Relaxed);
        self.counters.doubled.fetch_add(copy.is_some().into(), Ordering::Relaxed);
        let sent = self.sent(frame.len());
        for delay in [Some(arrives), copy].into_iter().flatten() {
            if self.waiting.len() >= LONGEST_QUEUE {
                self.counters.dropped.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            self.number += 1;
            self.waiting.push(Reverse((sent + delay, self.number, frame.to_vec())));
        }
    }

    /// When the last bit of a frame that comes now is on the wire.
    fn sent(&mut self, length: usize) -> Instant {
        let now = Instant::now();
        let Some(rate) = self.rate else { return now };
        let nanoseconds = length as u64 * 8 * 1_000_000_000 / rate.max(1);
        self.wire_free = self.wire_free.max(now) + Duration::from_nanos(nanoseconds);
        self.wire_free
    }

    fn give_out(&mut self, to: &Tap, now: Instant) {
        while self.next_due().is_some_and(|due| due <= now) {
            let Some(Reverse((_, _, frame))) = self.waiting.pop() else { return };
            let counter = match to.send(&frame) {
                Ok(()) => &self.counters.carried,
                Err(_) => &self.counters.dropped,
            };
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}
