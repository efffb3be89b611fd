//! What a BMC was asked, for tests and measurements.

use std::{collections::VecDeque, time::Duration};

use http::Method;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When it was received, since the start of the emulator.
    pub at: Duration,
    /// Its method.
    pub method: Method,
    /// Its path.
    pub path: String,
    /// The status of its answer; none while there is none, or where the connection ended without one.
    pub status: Option<u16>,
}

/// Requests, and how many there were at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Journal {
    /// The latest, as many as are kept.
    pub entries: VecDeque<Entry>,
    /// All requests that were received.
    pub requests: u64,
    /// Those with other methods than GET and HEAD.
    pub changing: u64,
    /// Requests being answered at this moment.
    pub in_flight: usize,
    /// The most there ever were at once.
    pub most_at_once: usize,
    /// Of those with other methods than GET and HEAD.
    pub changing_in_flight: usize,
    /// The most of these.
    pub most_changing_at_once: usize,
    /// Connections that were taken.
    pub connections: u64,
    kept: usize,
}

/// Names an entry, kept or not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ticket {
    number: u64,
    changes: bool,
}

impl Journal {
    /// One that keeps so many entries.
    pub(super) fn new(kept: usize) -> Self {
        Self { kept, ..Self::default() }
    }

    pub(super) fn begin(&mut self, at: Duration, method: Method, path: String) -> Ticket {
        let changes = method != Method::GET && method != Method::HEAD;
        let number = self.requests;
        self.requests += 1;
        self.in_flight += 1;
        self.most_at_once = self.most_at_once.max(self.in_flight);
        if changes {
            self.changing += 1;
            self.changing_in_flight += 1;
            self.most_changing_at_once = self.most_changing_at_once.max(self.changing_in_flight);
        }
        self.entries.push_back(Entry { at, method, path, status: None });
        if self.entries.len() > self.kept {
            self.entries.pop_front();
        }
        Ticket { number, changes }
    }

    pub(super) fn end(&mut self, ticket: Ticket, status: Option<u16>) {
        self.in_flight -= 1;
        self.changing_in_flight -= usize::from(ticket.changes);
        let first = self.requests - self.entries.len() as u64;
        let index = ticket.number.checked_sub(first).and_then(|index| usize::try_from(index).ok());
        if let Some(entry) = index.and_then(|index| self.entries.get_mut(index)) {
            entry.status = status;
        }
    }
}
