//! Why a message is not answered.

/// A reason: a label of the metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ignored {
    /// A reply: of another server, or our own come back.
    NotARequest,
    /// The hardware address is no Ethernet address.
    NotEthernet,
    /// No message type: BOOTP, which has no leases.
    Bootp,
    /// A message type that servers send, or one of other protocols (RFC 4388, 6926).
    UnexpectedType,
    /// It came to the socket for relays, but not from a relay.
    NoGiaddr,
    /// A giaddr, link selection or ciaddr that no host has.
    BadAddress,
    /// No Machine has that hardware address.
    UnknownClient,
    /// The subnet it comes from is not its lease's: another server's business.
    ForeignSubnet,
    /// It speaks to another server.
    OtherServer,
    /// An address that the message type calls for is missing.
    NoAddress,
    /// An address declined or released that was never this Machine's.
    NotItsAddress,
    /// It wants to boot, and the Machine's image was never pulled.
    ImageNotReady,
    /// It wants to boot, and the Machine's image has no file for it.
    NoBootFile,
    /// iPXE would be given iPXE again without end: the image has no file for it and boots others with iPXE.
    IpxeLoop,
}

impl Ignored {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::NotARequest,
        Self::NotEthernet,
        Self::Bootp,
        Self::UnexpectedType,
        Self::NoGiaddr,
        Self::BadAddress,
        Self::UnknownClient,
        Self::ForeignSubnet,
        Self::OtherServer,
        Self::NoAddress,
        Self::NotItsAddress,
        Self::ImageNotReady,
        Self::NoBootFile,
        Self::IpxeLoop,
    ];

    /// The word for metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotARequest => "not_a_request",
            Self::NotEthernet => "not_ethernet",
            Self::Bootp => "bootp",
            Self::UnexpectedType => "unexpected_type",
            Self::NoGiaddr => "no_giaddr",
            Self::BadAddress => "bad_address",
            Self::UnknownClient => "unknown_client",
            Self::ForeignSubnet => "foreign_subnet",
            Self::OtherServer => "other_server",
            Self::NoAddress => "no_address",
            Self::NotItsAddress => "not_its_address",
            Self::ImageNotReady => "image_not_ready",
            Self::NoBootFile => "no_boot_file",
            Self::IpxeLoop => "ipxe_loop",
        }
    }
}
