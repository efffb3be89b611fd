//! The state machine of leader election. No clock, no I/O: local time ([`Tick`]) and wall time are arguments.
//!
//! The driver asks [`Elector::next`] what to do, does it, and hands the outcome to [`Elector::answer`]; one request at a time.
//!
//! Invariants:
//! - The wall clock is only ever written into the Lease for people to read, and never compared.
//! - A takeover needs the same record to have been observed for the whole lease duration, or a holder that released it.
//! - A write whose outcome is unknown gives no leadership; the next step reads again.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::config::ElectionTimings;

/// Local time that never goes backwards, counted from any fixed moment.
pub type Tick = Duration;

/// What a Lease says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// Who holds it; none: released.
    pub holder: Option<String>,
    /// `leaseDurationSeconds`.
    pub duration_seconds: Option<i32>,
    /// When this holder got it, by its wall clock.
    pub acquire_time: Option<Timestamp>,
    /// When this holder last renewed it, by its wall clock. Changes with each renewal.
    pub renew_time: Option<Timestamp>,
    /// How often it changed hands.
    pub transitions: i32,
}

/// A Lease as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Guards the next write.
    pub resource_version: String,
    /// What it says.
    pub record: Record,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Nothing until then.
    Wait(Tick),
    /// Get the Lease.
    Read,
    /// Create the Lease.
    Create(Record),
    /// Replace what it says, if it still has this `resourceVersion`.
    Replace(Stored),
}

/// What came of an [`Action`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// There is no such Lease.
    Absent,
    /// Read.
    Found(Stored),
    /// Created or replaced; this is what is stored now.
    Written(Stored),
    /// Somebody else was first (409).
    Conflict,
    /// Anything else, a timeout included: a write may or may not have happened, now or later.
    Unknown,
}

/// What is known of the Lease.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Known {
    /// Nothing, or no longer: read first.
    Nothing,
    /// It did not exist when last read.
    Absent,
    /// As last read or written.
    Stored(Stored),
}

/// One candidate.
#[derive(Debug, Clone)]
pub struct Elector {
    identity: String,
    timings: ElectionTimings,
    known: Known,
    /// The last record seen, and when it was first seen: it survives an unknown or deleted Lease, as its holder may
    /// believe in it still.
    seen: Option<(Record, Tick)>,
    /// Leads until then.
    term_end: Option<Tick>,
    /// Not to act before then.
    not_before: Tick,
    /// The renew time last written.
    last_renewal: Option<Timestamp>,
}

impl Elector {
    /// A candidate that knows nothing yet. The identity must be of this process alone.
    pub fn new(identity: impl Into<String>, timings: ElectionTimings) -> Self {
        Self {
            identity: identity.into(),
            timings,
            known: Known::Nothing,
            seen: None,
            term_end: None,
            not_before: Tick::ZERO,
            last_renewal: None,
        }
    }

    /// The candidate's name.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// When the term ends unless renewed; none: not the leader.
    pub fn term_end(&self) -> Option<Tick> {
        self.term_end
    }

    /// Whether it leads at that moment.
    pub fn leads(&self, now: Tick) -> bool {
        self.term_end.is_some_and(|end| now < end)
    }

    /// Who holds the Lease, as far as known.
    pub fn holder(&self) -> Option<&str> {
        self.seen.as_ref().and_then(|(record, _)| record.holder.as_deref())
    }

    /// How often the Lease changed hands, as far as known.
    pub fn transitions(&self) -> i32 {
        self.seen.as_ref().map_or(0, |(record, _)| record.transitions)
    }

    /// What to do now.
    pub fn next(&mut self, now: Tick, wall: Timestamp) -> Action {
        if self.term_end.is_some_and(|end| now >= end) {
            self.term_end = None;
            // What the Lease says now is anyone's guess after a term without a renewal.
            self.known = Known::Nothing;
        }
        if now < self.not_before {
            // A leader must notice its term's end while it waits.
            return Action::Wait(self.term_end.map_or(self.not_before, |end| end.min(self.not_before)));
        }
        match &self.known {
            Known::Nothing => Action::Read,
            Known::Absent => match self.expiry() {
                // Deleted under a holder that may still be at work.
                Some(expiry) if now < expiry => self.look_again(now, expiry),
                _ => Action::Create(self.claim(None, wall)),
            },
            Known::Stored(stored) => {
                let ours = stored.record.holder.as_deref() == Some(self.identity.as_str());
                match self.expiry() {
                    Some(expiry) if !ours && now < expiry => self.look_again(now, expiry),
                    _ => {
                        let stored = stored.clone();
                        Action::Replace(Stored {
                            record: self.claim(Some(&stored.record), wall),
                            resource_version: stored.resource_version,
                        })
                    }
                }
            }
        }
    }

    /// Takes in what came of the action that was begun at `sent`; `now` is when the answer arrived.
    pub fn answer(&mut self, sent: Tick, now: Tick, answer: Answer) {
        match answer {
            Answer::Absent => {
                self.known = Known::Absent;
                self.term_end = None;
                // Nobody may be waiting: act at once.
                self.not_before = now;
            }
            Answer::Found(stored) => {
                self.see(&stored.record, now);
                if stored.record.holder.as_deref() != Some(self.identity.as_str()) {
                    self.term_end = None;
                }
                self.known = Known::Stored(stored);
                self.not_before = now;
            }
            Answer::Written(stored) => {
                self.see(&stored.record, now);
                // From when it was sent: whoever saw it did so later.
                self.term_end = Some(sent + self.timings.renew_deadline);
                self.known = Known::Stored(stored);
                self.not_before = sent + self.timings.retry_period;
            }
            Answer::Conflict => {
                self.known = Known::Nothing;
                // At once when leading: the Lease was only touched, or is lost, and both are to be known soon.
                self.not_before = if self.leads(now) { now } else { now + self.timings.retry_period };
            }
            Answer::Unknown => {
                self.known = Known::Nothing;
                // After a timeout the period has passed already.
                self.not_before = now.max(sent + self.timings.retry_period);
            }
        }
    }

    /// How long to wait for an answer: short enough for a second and a third try before the renew deadline.
    pub fn request_timeout(&self) -> Duration {
        self.timings.renew_deadline / 3
    }

    /// Gives the Lease up: what to write, if it is held. The term is over when this returns.
    pub fn release(&mut self, wall: Timestamp) -> Option<Stored> {
        self.term_end = None;
        let Known::Stored(stored) = &self.known else { return None };
        if stored.record.holder.as_deref() != Some(self.identity.as_str()) {
            return None;
        }
        let (stored, renew_time) = (stored.clone(), self.renewal_time(wall));
        self.known = Known::Nothing;
        Some(Stored {
            resource_version: stored.resource_version,
            // Like client-go: one second, should a candidate look only at the duration.
            record: Record { holder: None, duration_seconds: Some(1), renew_time: Some(renew_time), ..stored.record },
        })
    }

    fn see(&mut self, record: &Record, now: Tick) {
        if self.seen.as_ref().is_none_or(|(seen, _)| seen != record) {
            self.seen = Some((record.clone(), now));
        }
    }

    /// When the record last seen expires; none: it binds nobody.
    fn expiry(&self) -> Option<Tick> {
        let (record, at) = self.seen.as_ref()?;
        let holder = record.holder.as_ref()?;
        if *holder == self.identity {
            return None;
        }
        // The longer of both durations: the holder may have been told another one.
        let theirs =
            record.duration_seconds.and_then(|s| u64::try_from(s).ok()).map_or(Duration::ZERO, Duration::from_secs);
        Some(at.saturating_add(theirs.max(self.timings.lease_duration)))
    }

    fn look_again(&mut self, now: Tick, expiry: Tick) -> Action {
        self.known = Known::Nothing;
        self.not_before = expiry.min(now + self.timings.retry_period);
        Action::Wait(self.not_before)
    }

    /// The record that makes this candidate the holder.
    fn claim(&mut self, before: Option<&Record>, wall: Timestamp) -> Record {
        let renew_time = self.renewal_time(wall);
        let ours = before.filter(|b| b.holder.as_deref() == Some(self.identity.as_str()));
        let seconds = self.timings.lease_duration.as_secs() + u64::from(self.timings.lease_duration.subsec_nanos() > 0);
        Record {
            holder: Some(self.identity.clone()),
            duration_seconds: Some(i32::try_from(seconds).unwrap_or(i32::MAX)),
            acquire_time: ours.and_then(|b| b.acquire_time).or(Some(renew_time)),
            renew_time: Some(renew_time),
            transitions: match (ours, before) {
                (Some(ours), _) => ours.transitions,
                (None, Some(before)) => before.transitions.saturating_add(1),
                (None, None) => 0,
            },
        }
    }

    /// The wall clock to the microsecond, as a Lease stores it, but never the same twice: others learn of a renewal by the
    /// record's change, and a wall clock that is set back may repeat itself.
    fn renewal_time(&mut self, wall: Timestamp) -> Timestamp {
        let micro = |t: Timestamp| Timestamp::from_microsecond(t.as_microsecond()).unwrap_or(t);
        let mut time = micro(wall);
        if self
            .last_renewal
            .is_some_and(|last| time <= last && last.duration_since(time) < SignedDuration::from_hours(1))
        {
            time = self.last_renewal.and_then(|l| l.checked_add(SignedDuration::from_micros(1)).ok()).unwrap_or(time);
        }
        self.last_renewal = Some(time);
        time
    }
}
