//! The sessions of a BMC (DSP0266, "Redfish session login authentication"): bounded, with an idle timeout. Pure.

use std::time::Duration;

/// One session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) id: u64,
    pub(super) user: String,
    token: String,
    used: Duration,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    open: Vec<Session>,
    made: u64,
}

impl Sessions {
    /// Opens one, unless there are as many as may be.
    pub(super) fn open(&mut self, user: &str, token: String, limit: usize, now: Duration) -> Option<&Session> {
        if self.open.len() >= limit {
            return None;
        }
        self.made += 1;
        self.open.push(Session { id: self.made, user: user.to_owned(), token, used: now });
        self.open.last()
    }

    /// The session of a token, which counts as used now.
    pub(super) fn used(&mut self, token: &str, now: Duration) -> Option<&Session> {
        let session = self.open.iter_mut().find(|session| session.token == token)?;
        session.used = now;
        Some(session)
    }

    /// Ends those that were not used for so long.
    pub(super) fn expire(&mut self, timeout: Duration, now: Duration) {
        self.open.retain(|session| now.saturating_sub(session.used) < timeout);
    }

    /// Ends one; whether there was one.
    pub(super) fn close(&mut self, id: u64) -> bool {
        let before = self.open.len();
        self.open.retain(|session| session.id != id);
        self.open.len() < before
    }

    /// Ends all.
    pub(super) fn clear(&mut self) {
        self.open.clear();
    }

    pub(super) fn get(&self, id: u64) -> Option<&Session> {
        self.open.iter().find(|session| session.id == id)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = u64> {
        self.open.iter().map(|session| session.id)
    }

    pub(super) fn count(&self) -> usize {
        self.open.len()
    }

    pub(super) fn made(&self) -> u64 {
        self.made
    }
}
