//! Codes of the options that are read or written here (RFC 2132 unless noted).

/// Fills up; has no length.
pub const PAD: u8 = 0;
/// Subnet mask.
pub const SUBNET_MASK: u8 = 1;
/// Routers on the client's subnet.
pub const ROUTER: u8 = 3;
/// Name servers.
pub const DOMAIN_NAME_SERVER: u8 = 6;
/// Host name.
pub const HOST_NAME: u8 = 12;
/// Domain name.
pub const DOMAIN_NAME: u8 = 15;
/// MTU of the interface.
pub const INTERFACE_MTU: u8 = 26;
/// Broadcast address.
pub const BROADCAST_ADDRESS: u8 = 28;
/// Time servers (NTP).
pub const NTP_SERVERS: u8 = 42;
/// Vendor-specific information: to PXE clients, the PXE tags (PXE 2.1 table 2-1).
pub const VENDOR_SPECIFIC: u8 = 43;
/// The address that the client asks for.
pub const REQUESTED_ADDRESS: u8 = 50;
/// Lease time in seconds.
pub const LEASE_TIME: u8 = 51;
/// That `file` and `sname` carry options too.
pub const OVERLOAD: u8 = 52;
/// Message type.
pub const MESSAGE_TYPE: u8 = 53;
/// Server identifier.
pub const SERVER_IDENTIFIER: u8 = 54;
/// Codes that the client wants values for.
pub const PARAMETER_REQUEST_LIST: u8 = 55;
/// Text for people.
pub const MESSAGE: u8 = 56;
/// Largest message that the client takes, with IP and UDP headers.
pub const MAX_MESSAGE_SIZE: u8 = 57;
/// T1.
pub const RENEWAL_TIME: u8 = 58;
/// T2.
pub const REBINDING_TIME: u8 = 59;
/// Vendor class: what kind of client this is.
pub const VENDOR_CLASS: u8 = 60;
/// Client identifier.
pub const CLIENT_IDENTIFIER: u8 = 61;
/// TFTP server name.
pub const TFTP_SERVER_NAME: u8 = 66;
/// Boot file name, or the URL of UEFI HTTP boot.
pub const BOOT_FILE: u8 = 67;
/// User class (RFC 3004): iPXE names itself here.
pub const USER_CLASS: u8 = 77;
/// Relay agent information (RFC 3046).
pub const RELAY_AGENT_INFORMATION: u8 = 82;
/// Client system architectures (RFC 4578 section 2.1).
pub const CLIENT_ARCHITECTURES: u8 = 93;
/// Client machine identifier, a UUID (RFC 4578 section 2.3).
pub const CLIENT_UUID: u8 = 97;
/// Options of Etherboot's descendants; its presence tells iPXE apart.
pub const ETHERBOOT: u8 = 175;
/// Ends a field of options; has no length.
pub const END: u8 = 255;
