//! The Machines of this instance, by MAC and by IPv4: what every packet and request is looked up in.
//!
//! Role: a pure index, fed by a watch one Machine at a time. It also finds what no schema can: two Machines that claim the
//! same NIC or address.
//!
//! Decisions:
//! - A MAC or address belongs to the oldest Machine that claims it (creationTimestamp, then the first by name). The others
//!   are not served at all, not even on their undisputed NICs: half a Machine would boot into confusion.
//! - A Machine that is not served keeps its claims. Whether a Machine is served therefore depends only on the claims on its
//!   own leases, and a conflict never spreads to Machines that share nothing.
//! - Machines of other sites are not indexed, and dispute nothing: sites are separate networks, which may well reuse the
//!   same private addresses. Relabelling a Machine moves it from one instance's index to the other's.
//!
//! Invariants:
//! - after any sequence of [`Inventory::apply`] and [`Inventory::remove`], the index equals one built from the survivors;
//! - a lookup is one step in a tree, O(log n), without allocation.

mod findings;

use crate::api::lease::{Lease, LeaseError};
use crate::api::{MacAddr, Machine};
use crate::selection::Selection;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

/// The index.
#[derive(Clone, Debug, PartialEq)]
pub struct Inventory {
    selection: Selection,
    entries: BTreeMap<Arc<str>, Entry>,
    by_mac: BTreeMap<MacAddr, BTreeSet<Claim>>,
    by_ipv4: BTreeMap<Ipv4Addr, BTreeSet<Claim>>,
}

/// A Machine in the index.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    machine: Arc<Machine>,
    claim: Claim,
    leases: Vec<Result<Lease, LeaseError>>,
}

/// A Machine's standing in a dispute: the smaller claim wins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Claim {
    /// An object without creation time was never on a server: younger than any that was.
    unborn: bool,
    created: Option<Timestamp>,
    name: Arc<str>,
}

/// What a lookup found.
#[derive(Clone, Copy, Debug)]
pub enum Lookup<'a> {
    /// No Machine claims it.
    Unknown,
    /// This Machine, by this lease.
    Served(&'a Entry, &'a Lease),
    /// This Machine has the best claim, but is not served; its `LeasesValid` condition says why.
    Refused(&'a Entry),
}

impl<'a> Lookup<'a> {
    /// The Machine and the lease, if they are served.
    pub fn served(self) -> Option<(&'a Arc<Machine>, &'a Lease)> {
        match self {
            Self::Served(entry, lease) => Some((&entry.machine, lease)),
            Self::Unknown | Self::Refused(_) => None,
        }
    }
}

impl Entry {
    /// The Machine as last applied.
    pub fn machine(&self) -> &Arc<Machine> {
        &self.machine
    }

    /// The leases that parsed.
    pub fn leases(&self) -> impl Iterator<Item = &Lease> {
        self.leases.iter().filter_map(|lease| lease.as_ref().ok())
    }
}

impl Inventory {
    /// An empty index for the Machines of that selection.
    pub fn new(selection: Selection) -> Self {
        Self { selection, entries: BTreeMap::new(), by_mac: BTreeMap::new(), by_ipv4: BTreeMap::new() }
    }

    /// Whose Machines are indexed.
    pub fn selection(&self) -> &Selection {
        &self.selection
    }

    /// How many Machines are indexed.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no Machine is indexed.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Every Machine indexed, by name.
    pub fn machines(&self) -> impl Iterator<Item = &Arc<Machine>> {
        self.entries.values().map(|entry| &entry.machine)
    }

    /// The Machine of that name, served or not.
    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// Takes in a Machine as the watch delivered it: a new one, a change, or one that now belongs to another site (which
    /// removes it). Returns the names of the Machines whose [`Inventory::leases_valid`] may have changed by it.
    pub fn apply(&mut self, machine: Arc<Machine>) -> BTreeSet<Arc<str>> {
        if !self.selection.owns(&machine) {
            return self.remove(machine.name());
        }
        let entry = Entry::new(machine);
        let name = Arc::clone(&entry.claim.name);
        if let Some(current) = self.entries.get_mut(&name)
            && current.claim == entry.claim
            && current.leases == entry.leases
        {
            // The common event by far is a status change: no claim moves.
            current.machine = entry.machine;
            return BTreeSet::from([name]);
        }
        let mut affected = self.remove(&name);
        for lease in entry.leases() {
            self.by_mac.entry(lease.mac).or_default().insert(entry.claim.clone());
            self.by_ipv4.entry(lease.ipv4).or_default().insert(entry.claim.clone());
        }
        self.collect_rivals(&entry, &mut affected);
        affected.insert(Arc::clone(&name));
        self.entries.insert(name, entry);
        affected
    }

    /// Forgets a Machine. Returns the names of the Machines whose [`Inventory::leases_valid`] may have changed by it.
    pub fn remove(&mut self, name: &str) -> BTreeSet<Arc<str>> {
        let mut affected = BTreeSet::new();
        let Some(entry) = self.entries.remove(name) else {
            return affected;
        };
        self.collect_rivals(&entry, &mut affected);
        for lease in entry.leases() {
            release(&mut self.by_mac, &lease.mac, &entry.claim);
            release(&mut self.by_ipv4, &lease.ipv4, &entry.claim);
        }
        affected.insert(Arc::clone(&entry.claim.name));
        affected
    }

    /// Replaces the content by these Machines, as after a fresh list. Returns the names of the Machines whose
    /// [`Inventory::leases_valid`] may have changed by it.
    pub fn replace(&mut self, machines: impl IntoIterator<Item = Arc<Machine>>) -> BTreeSet<Arc<str>> {
        let mut gone: BTreeSet<Arc<str>> = self.entries.keys().cloned().collect();
        let mut affected = BTreeSet::new();
        for machine in machines {
            gone.remove(machine.name());
            affected.extend(self.apply(machine));
        }
        for name in gone {
            affected.extend(self.remove(&name));
        }
        affected
    }

    /// Which Machine has the NIC with that Ethernet address.
    pub fn by_mac(&self, mac: MacAddr) -> Lookup<'_> {
        self.lookup(self.by_mac.get(&mac), |lease| lease.mac == mac)
    }

    /// Which Machine has that address.
    pub fn by_ipv4(&self, ipv4: Ipv4Addr) -> Lookup<'_> {
        self.lookup(self.by_ipv4.get(&ipv4), |lease| lease.ipv4 == ipv4)
    }

    /// Whether DHCP, TFTP and HTTP serve the Machine.
    pub fn is_served(&self, name: &str) -> bool {
        self.entries.get(name).is_some_and(|entry| self.serves(entry))
    }

    fn lookup(&self, claims: Option<&BTreeSet<Claim>>, is_asked: impl Fn(&Lease) -> bool) -> Lookup<'_> {
        let Some(entry) = claims.and_then(BTreeSet::first).and_then(|claim| self.entries.get(&claim.name)) else {
            return Lookup::Unknown;
        };
        match entry.leases().find(|lease| is_asked(lease)) {
            Some(lease) if self.serves(entry) => Lookup::Served(entry, lease),
            _ => Lookup::Refused(entry),
        }
    }

    fn serves(&self, entry: &Entry) -> bool {
        entry.leases.iter().all(|lease| {
            lease.as_ref().is_ok_and(|lease| {
                first(&self.by_mac, &lease.mac) == Some(&entry.claim)
                    && first(&self.by_ipv4, &lease.ipv4) == Some(&entry.claim)
            })
        })
    }

    /// The other Machines with a claim on any of the entry's leases.
    fn collect_rivals(&self, entry: &Entry, into: &mut BTreeSet<Arc<str>>) {
        for lease in entry.leases() {
            let claims = self.by_mac.get(&lease.mac).into_iter().chain(self.by_ipv4.get(&lease.ipv4)).flatten();
            into.extend(claims.filter(|claim| claim.name != entry.claim.name).map(|claim| Arc::clone(&claim.name)));
        }
    }
}

impl Entry {
    fn new(machine: Arc<Machine>) -> Self {
        let created = machine.metadata.creation_timestamp.as_ref().map(|time| time.0);
        let claim = Claim { unborn: created.is_none(), created, name: machine.name().into() };
        let leases = machine.dhcp_leases().iter().map(Lease::try_from).collect();
        Self { machine, claim, leases }
    }
}

fn first<'a, K: Ord>(claims: &'a BTreeMap<K, BTreeSet<Claim>>, key: &K) -> Option<&'a Claim> {
    claims.get(key).and_then(BTreeSet::first)
}

fn release<K: Ord + Clone>(claims: &mut BTreeMap<K, BTreeSet<Claim>>, key: &K, claim: &Claim) {
    if let Some(holders) = claims.get_mut(key) {
        holders.remove(claim);
        if holders.is_empty() {
            claims.remove(key);
        }
    }
}

#[cfg(test)]
mod tests;
