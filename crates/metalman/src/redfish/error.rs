//! What goes wrong, and what it means to the Machine.

use std::time::Duration;

use metalman_core::{
    api::conditions::reason,
    lifecycle::bmc::{BootTarget, PowerAction, Unreachable},
};

use super::Fingerprint;

/// Why a BMC did not do, or did not tell, what it was asked. `bmc` is its `host[:port]`; `words` are its own, in one line and
/// without secrets.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedfishError {
    /// `spec.pxe.redfish.url` cannot be used.
    #[error("{url:?} is no URL of a BMC: {reason}; it is in spec.pxe.redfish.url")]
    Url {
        /// As it was given.
        url: String,
        /// Why not.
        reason: String,
    },
    /// No HTTP client could be made; not the BMC's fault.
    #[error("no HTTP client for {bmc}")]
    Setup {
        /// Whom for.
        bmc: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// Its name does not resolve.
    #[error("the name of {bmc} does not resolve: check the host in spec.pxe.redfish.url, and DNS where metalman runs")]
    Dns {
        /// Who was asked.
        bmc: String,
        /// What the resolver said.
        #[source]
        source: std::io::Error,
    },
    /// No connection.
    #[error("no connection to {bmc}: {reason}; check its address and power, and the network between metalman and it")]
    Connect {
        /// Who was asked.
        bmc: String,
        /// Refused, no route, timeout.
        reason: String,
    },
    /// Another certificate than the pinned one.
    #[error(
        "{bmc} shows a certificate with fingerprint {shown}, but {pinned} is pinned; nothing secret was sent. If its \
         certificate was replaced on purpose: change spec.pxe.redfish.certFingerprint where it is set, else remove \
         status.redfish.certFingerprint"
    )]
    PinMismatch {
        /// Who was asked.
        bmc: String,
        /// What it must show.
        pinned: Fingerprint,
        /// What it showed.
        shown: Fingerprint,
    },
    /// No TLS session for another reason.
    #[error("no TLS session with {bmc}: {reason}")]
    Tls {
        /// Who was asked.
        bmc: String,
        /// Why, and what to do.
        reason: String,
    },
    /// No answer in time.
    #[error("{bmc} did not answer {operation} within {} s", patience.as_secs_f32())]
    Timeout {
        /// Who was asked.
        bmc: String,
        /// What: method and path.
        operation: String,
        /// How long was waited.
        patience: Duration,
    },
    /// The connection broke before the answer was whole.
    #[error("{bmc} broke the connection during {operation}: {reason}")]
    Broken {
        /// Who was asked.
        bmc: String,
        /// What: method and path.
        operation: String,
        /// What the transport said.
        reason: String,
    },
    /// It refuses the credentials, or wants some.
    #[error("{bmc} refuses {who}: {words}")]
    Credentials {
        /// Who was asked.
        bmc: String,
        /// The user, or that there is none.
        who: String,
        /// Its words.
        words: String,
    },
    /// It answered, and said no.
    #[error("{bmc} refuses {operation} with {status}: {words}")]
    Refused {
        /// Who was asked.
        bmc: String,
        /// What: method and path.
        operation: String,
        /// HTTP status.
        status: u16,
        /// Its words.
        words: String,
    },
    /// It answered that it cannot right now, or failed.
    #[error("{bmc} fails {operation} with {status}: {words}")]
    Failed {
        /// Who was asked.
        bmc: String,
        /// What: method and path.
        operation: String,
        /// HTTP status.
        status: u16,
        /// Its words.
        words: String,
    },
    /// It sends the client elsewhere, where its credentials must not go.
    #[error(
        "{bmc} redirects {operation} to {to}, which is not followed: when that is where the BMC is, put it in \
         spec.pxe.redfish.url"
    )]
    Redirect {
        /// Who was asked.
        bmc: String,
        /// What: method and path.
        operation: String,
        /// Where to.
        to: String,
    },
    /// An answer that is not Redfish.
    #[error("{bmc} answers {operation} with what is not Redfish: {what}")]
    Malformed {
        /// Who was asked.
        bmc: String,
        /// What: method and path.
        operation: String,
        /// What is wrong with it.
        what: String,
    },
    /// Which system is the Machine's cannot be told.
    #[error("{}", no_system(bmc, wanted.as_deref(), choices))]
    NoSystem {
        /// Who was asked.
        bmc: String,
        /// The Machine's deviceID.
        wanted: Option<String>,
        /// What there is.
        choices: Vec<String>,
    },
    /// No reset type does this.
    #[error("{bmc} offers no way to do {action}: its reset types are {}", list(allowed))]
    NoReset {
        /// Who was asked.
        bmc: String,
        /// What was wanted.
        action: PowerAction,
        /// What it allows.
        allowed: Vec<String>,
    },
    /// The system has no boot override, or not this one.
    #[error("{bmc} cannot override the boot source with {target}: {why}")]
    NoOverride {
        /// Who was asked.
        bmc: String,
        /// What was wanted.
        target: BootTarget,
        /// Why not.
        why: String,
    },
    /// It accepted, and reading back shows otherwise.
    #[error("{bmc} accepted {wanted} and shows {shown}")]
    NotApplied {
        /// Who was asked.
        bmc: String,
        /// What it was told.
        wanted: String,
        /// What it shows.
        shown: String,
    },
    /// The task that it began ended badly.
    #[error("{bmc} began {operation} and its task ended as {state}: {words}")]
    Task {
        /// Who was asked.
        bmc: String,
        /// What: method and path.
        operation: String,
        /// `TaskState` or `TaskStatus`.
        state: String,
        /// Its words.
        words: String,
    },
}

impl RedfishError {
    /// The reason and message of condition `BMCReachable`, when looking at the BMC ended so.
    pub fn unreachable(&self) -> Unreachable {
        Unreachable { reason: self.reason(), message: self.message() }
    }

    /// For people: this error and its sources in one line. No secret is in it.
    pub fn message(&self) -> String {
        use std::error::Error;
        let mut message = self.to_string();
        let mut source = self.source();
        while let Some(error) = source {
            let words = error.to_string();
            if !message.contains(&words) {
                message.push_str(": ");
                message.push_str(&words);
            }
            source = error.source();
        }
        message
    }

    /// Whether the BMC answered and said no, or said yes and shows otherwise. Else it may have happened or not.
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Refused { .. }
                | Self::NoReset { .. }
                | Self::NoOverride { .. }
                | Self::NotApplied { .. }
                | Self::Task { .. }
        )
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Url { .. } | Self::Dns { .. } => reason::DNS,
            Self::Connect { .. } | Self::Timeout { .. } | Self::Broken { .. } => reason::TCP,
            Self::PinMismatch { .. } => reason::TLS_PIN_MISMATCH,
            Self::Tls { .. } | Self::Setup { .. } => reason::TLS,
            Self::Credentials { .. } => reason::CREDENTIALS,
            _ => reason::REDFISH,
        }
    }

    /// The label of the metrics.
    pub(super) fn outcome(&self) -> &'static str {
        match self {
            Self::Url { .. } | Self::Setup { .. } => "setup",
            Self::Dns { .. } => "dns",
            Self::Connect { .. } => "connect",
            Self::PinMismatch { .. } => "pin_mismatch",
            Self::Tls { .. } => "tls",
            Self::Timeout { .. } => "timeout",
            Self::Broken { .. } => "broken",
            Self::Credentials { .. } => "credentials",
            Self::Refused { .. } | Self::NoReset { .. } | Self::NoOverride { .. } => "refused",
            Self::Failed { .. } => "failed",
            Self::Redirect { .. } | Self::Malformed { .. } | Self::NoSystem { .. } => "malformed",
            Self::NotApplied { .. } => "not_applied",
            Self::Task { .. } => "task",
        }
    }
}

fn no_system(bmc: &str, wanted: Option<&str>, choices: &[String]) -> String {
    match (wanted, choices) {
        (_, []) => format!("{bmc} lists no systems"),
        (None, choices) => {
            format!("{bmc} has {} systems: choose one in spec.pxe.redfish.deviceID: {}", choices.len(), list(choices))
        }
        (Some(wanted), choices) => {
            format!("{bmc} has no system {wanted:?}: spec.pxe.redfish.deviceID can be {}", list(choices))
        }
    }
}

fn list(words: &[String]) -> String {
    if words.is_empty() { "none".into() } else { words.join(", ") }
}
