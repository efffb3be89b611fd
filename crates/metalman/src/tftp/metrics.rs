//! What is counted here.

use metalman_core::tftp::Outcome;
use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

type Word = [(&'static str, &'static str); 1];

/// The counters of the TFTP server. Clones share them.
#[derive(Debug, Default, Clone)]
pub struct TftpMetrics {
    transfers: Family<Word, Counter>,
    refused: Family<Word, Counter>,
    active: Gauge,
    bytes: Counter,
    blocks_repeated: Counter,
    foreign: Counter,
}

/// Why a request is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// No TFTP request.
    Malformed,
    /// A transfer mode that is not served.
    Mode,
    /// A write.
    Write,
    /// The same request again while it is being answered.
    Duplicate,
    /// The peer has as many transfers as one may have.
    PeerBusy,
    /// There are as many transfers as there may be.
    ServerBusy,
    /// No socket could be had.
    NoSocket,
    UnknownMachine,
    NotFound,
    NotYet,
    Failed,
}

impl Refused {
    fn word(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Mode => "mode",
            Self::Write => "write",
            Self::Duplicate => "duplicate",
            Self::PeerBusy => "peer_busy",
            Self::ServerBusy => "server_busy",
            Self::NoSocket => "no_socket",
            Self::UnknownMachine => "unknown_machine",
            Self::NotFound => "not_found",
            Self::NotYet => "not_yet",
            Self::Failed => "failed",
        }
    }
}

/// The word for how a transfer ended; none: the server stopped.
pub(super) fn outcome_word(outcome: Option<Outcome>) -> &'static str {
    match outcome {
        Some(Outcome::Completed) => "completed",
        Some(Outcome::Probed) => "probed",
        Some(Outcome::Aborted) => "aborted",
        Some(Outcome::TimedOut) => "timed_out",
        Some(Outcome::Expired) => "expired",
        None => "stopped",
    }
}

impl TftpMetrics {
    /// Makes them known under their names.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("tftp_transfers", "TFTP transfers that ended, by how", self.transfers.clone());
        registry.register("tftp_refused", "TFTP requests that were not served, by reason", self.refused.clone());
        registry.register("tftp_active", "TFTP transfers under way", self.active.clone());
        registry.register("tftp_sent_bytes", "File content sent by TFTP, repetitions included", self.bytes.clone());
        registry.register("tftp_blocks_repeated", "TFTP blocks sent again", self.blocks_repeated.clone());
        registry.register(
            "tftp_foreign_packets",
            "Packets to a TFTP transfer from somebody who has no part in it",
            self.foreign.clone(),
        );
    }

    pub(super) fn refused(&self, reason: Refused) {
        self.refused.get_or_create(&[("reason", reason.word())]).inc();
    }

    pub(super) fn began(&self) {
        self.active.inc();
    }

    pub(super) fn ended(&self, outcome: Option<Outcome>, blocks_repeated: u64) {
        self.active.dec();
        self.transfers.get_or_create(&[("outcome", outcome_word(outcome))]).inc();
        self.blocks_repeated.inc_by(blocks_repeated);
    }

    pub(super) fn sent(&self, bytes: usize) {
        self.bytes.inc_by(bytes as u64);
    }

    pub(super) fn foreign(&self) {
        self.foreign.inc();
    }

    /// Transfers that ended so.
    #[cfg(test)]
    pub(super) fn count(&self, outcome: Option<Outcome>) -> u64 {
        self.transfers.get_or_create(&[("outcome", outcome_word(outcome))]).get()
    }

    /// Requests that were refused so.
    #[cfg(test)]
    pub(super) fn count_refused(&self, reason: Refused) -> u64 {
        self.refused.get_or_create(&[("reason", reason.word())]).get()
    }

    /// Transfers under way.
    pub(super) fn count_active(&self) -> i64 {
        self.active.get()
    }
}
