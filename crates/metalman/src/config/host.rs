//! The facts about this host that a configuration depends on, read in one place and passed as data.

use std::{
    collections::BTreeMap,
    fmt, io,
    net::{IpAddr, Ipv4Addr},
    path::Path,
};

use nix::net::if_::InterfaceFlags;

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Administratively up.
    pub up: bool,
    /// The loopback.
    pub loopback: bool,
    /// Its IPv4 addresses, the primary one first, as the kernel lists them.
    pub addresses: Vec<Ipv4Addr>,
}

/// Everything of the host that [`super::resolve`] looks at.
pub struct HostFacts<'a> {
    /// Interfaces in the kernel's order.
    pub interfaces: Vec<Interface>,
    /// The interface of the IPv4 default route with the lowest metric.
    pub default_route: Option<String>,
    /// Whether this is root.
    pub root: bool,
    /// The environment.
    pub env: BTreeMap<String, String>,
    /// Reads a file.
    pub read: &'a dyn Fn(&Path) -> io::Result<Vec<u8>>,
}

impl fmt::Debug for HostFacts<'_> {
    // Without the environment: it may hold secrets of others.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostFacts")
            .field("interfaces", &self.interfaces)
            .field("default_route", &self.default_route)
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

impl HostFacts<'_> {
    /// A variable that is set and not empty.
    pub fn env(&self, name: &str) -> Option<&str> {
        self.env.get(name).map(String::as_str).filter(|v| !v.is_empty())
    }

    /// The interface that holds an address.
    pub fn interface_with(&self, address: IpAddr) -> Option<&Interface> {
        let IpAddr::V4(address) = address.to_canonical() else { return None };
        self.interfaces.iter().find(|i| i.addresses.contains(&address))
    }
}

/// Reads this host's facts. What cannot be read counts as absent: a flag can always say it.
pub fn read_host() -> HostFacts<'static> {
    HostFacts {
        interfaces: interfaces().unwrap_or_default(),
        default_route: std::fs::read_to_string("/proc/net/route").ok().and_then(|t| default_route(&t)),
        root: nix::unistd::geteuid().is_root(),
        env: std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect(),
        read: &|path| std::fs::read(path),
    }
}

fn interfaces() -> nix::Result<Vec<Interface>> {
    let mut found: Vec<Interface> = Vec::new();
    for entry in nix::ifaddrs::getifaddrs()? {
        let address = entry.address.as_ref().and_then(|a| a.as_sockaddr_in()).map(nix::sys::socket::SockaddrIn::ip);
        let interface = match found.iter_mut().find(|i| i.name == entry.interface_name) {
            Some(known) => known,
            None => found.push_mut(Interface {
                name: entry.interface_name.clone(),
                up: entry.flags.contains(InterfaceFlags::IFF_UP),
                loopback: entry.flags.contains(InterfaceFlags::IFF_LOOPBACK),
                addresses: Vec::new(),
            }),
        };
        interface.addresses.extend(address);
    }
    Ok(found)
}

/// The interface of the default route with the lowest metric, from the text of /proc/net/route: columns Iface,
/// Destination, Gateway, Flags, `RefCnt`, Use, Metric, Mask, …; numbers in hexadecimal but for the metric.
pub(super) fn default_route(table: &str) -> Option<String> {
    /// RTF_UP and RTF_REJECT of linux/route.h.
    const UP: u32 = 0x1;
    const REJECT: u32 = 0x200;
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let columns: Vec<&str> = line.split_whitespace().collect();
            let [name, destination, _, flags, _, _, metric, mask, ..] = columns[..] else { return None };
            let flags = u32::from_str_radix(flags, 16).ok()?;
            let default = destination == "00000000" && mask == "00000000" && flags & UP != 0 && flags & REJECT == 0;
            default.then_some((metric.parse::<u32>().ok()?, name.to_owned()))
        })
        .min_by_key(|(metric, _)| *metric)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests;
