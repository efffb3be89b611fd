//! DHCPv4: the codec, and the answer to each message (RFC 2131, 2132, 3046, 3396, 3527, 4578, 5107, 6842).
//!
//! Role: [`respond`] is a function of the message, how it arrived, the lease of its sender and the server's configuration;
//! the shell owns the sockets.
//!
//! The codec: `message` (fixed part), `options` (reading), `encode` (writing), `relay_agent_information` (option 82),
//! `boot_client` (options 60, 77, 93, 175: who wants to boot, on which architecture).

mod boot_client;
pub mod code;
mod encode;
mod message;
mod message_type;
mod options;
mod relay_agent_information;
mod respond;

pub use self::{
    boot_client::BootClient,
    encode::SMALLEST_MAX_PAYLOAD,
    message::{Message, MessageError},
    message_type::MessageType,
    options::Options,
    relay_agent_information::RelayAgentInformation,
    respond::{Arrival, Boot, Client, Decision, Destination, Ignored, Incident, Reply, ServerConfig, Via, respond},
};

/// Port of servers and relays.
pub const SERVER_PORT: u16 = 67;
/// Port of clients.
pub const CLIENT_PORT: u16 = 68;
