//! metalman's servers against clients, relays and servers that nobody here wrote, each in network namespaces of its own.
//!
//! A peer that is not installed fails its tests, and the message names the Debian package.

mod dhcp_boot;
mod dhcp_clients;
mod dhcp_hostile;
mod dhcp_hosts;
mod dhcp_load;
mod dhcp_peers;
mod dhcp_relays;
mod dhcp_servers;
mod http_files;
mod image_cli;
mod images_faults;
mod images_registry;
mod images_site;
mod reports;
mod site;
mod tftp;
