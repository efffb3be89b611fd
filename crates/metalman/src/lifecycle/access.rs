//! Where a Machine's BMC is, and how metalman comes in.

use std::sync::Arc;

use metalman_core::api::{Machine, spec::SecretKeyRef};

/// What a connection to a BMC is made from. Machines with the same share one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Access {
    /// `spec.pxe.redfish.url`.
    pub(super) url: String,
    /// `spec.pxe.redfish.username`.
    pub(super) username: Option<String>,
    /// Where the password is.
    pub(super) password: Option<PasswordRef>,
    /// The certificate to expect: the spec's, else the one that was pinned on first contact.
    pub(super) pin: Option<String>,
}

/// One key of a Secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct PasswordRef {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) key: String,
}

impl From<&SecretKeyRef> for PasswordRef {
    fn from(reference: &SecretKeyRef) -> Self {
        Self { namespace: reference.namespace.clone(), name: reference.name.clone(), key: reference.key().to_owned() }
    }
}

/// One system behind a BMC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reach {
    /// The way to the BMC.
    pub(super) access: Arc<Access>,
    /// `spec.pxe.redfish.deviceID`.
    pub(super) device: Option<String>,
}

impl Reach {
    /// How the Machine's power is reached; none without `redfish`, and where another controller handles power.
    pub(super) fn of(machine: &Machine) -> Option<Self> {
        if machine.provider().is_some() {
            return None;
        }
        let redfish = machine.spec.pxe.as_ref()?.redfish.as_ref().filter(|redfish| !redfish.url.is_empty())?;
        let pinned = || machine.status.as_ref()?.redfish.as_ref()?.cert_fingerprint.clone();
        let pin = redfish.cert_fingerprint.clone().filter(|pin| !pin.is_empty()).or_else(pinned);
        let access = Access {
            url: redfish.url.clone(),
            username: redfish.username.clone().filter(|name| !name.is_empty()),
            password: redfish.password_ref.as_ref().map(PasswordRef::from),
            pin: pin.filter(|pin| !pin.is_empty()).map(|pin| pin.to_lowercase()),
        };
        Some(Self { access: Arc::new(access), device: redfish.device_id().map(str::to_owned) })
    }

    /// Whether that is the very same system. Who may come in, and by which certificate, may differ.
    pub(super) fn is_same_system(&self, other: &Self) -> bool {
        self.endpoint() == other.endpoint() && self.device == other.device
    }

    /// The BMC itself: what gets one request at a time, whoever asks. Scheme and host are compared without case (RFC 3986
    /// section 6.2.2.1), a path at the end does not make another BMC.
    pub(super) fn endpoint(&self) -> Arc<str> {
        let url = &self.access.url;
        let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
        let scheme = scheme.to_ascii_lowercase();
        let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest).to_ascii_lowercase();
        let default = if scheme == "http" { ":80" } else { ":443" };
        // Not the scheme: its other port is the same BMC's, but then it is named in the URL.
        authority.strip_suffix(default).unwrap_or(&authority).into()
    }
}

#[cfg(test)]
mod tests;
