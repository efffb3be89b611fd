//! BMCs over real sockets: the rack's emulated ones, and metalman's Redfish client against others that it does not know: a third
//! party's emulator, and Python's TLS with the certificates and cipher suites of old firmware. DMTF's checkers judge the rack's.
//!
//! What is not installed fails its tests, and the message says how to get it.

mod lifecycle;
mod profiles;
mod redfish_profiles;
mod redfish_tls;
mod sockets;
mod sushy;
mod validator;
