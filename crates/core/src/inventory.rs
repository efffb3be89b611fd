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
//! - Who is served is worked out when a claim moves, not when a packet comes: the Machines that a change affects are found
//!   by the change, and what is served is in tables of its own.
//! - Machines of other sites are not indexed, and dispute nothing: sites are separate networks, which may well reuse the
//!   same private addresses. Relabelling a Machine moves it from one instance's index to the other's.
//!
//! Invariants:
//! - after any sequence of [`Inventory::apply`] and [`Inventory::remove`], the index equals one built from the survivors;
//! - a lookup of what is served is one step in a hash table, of anything else one in a tree; without allocation.

mod findings;

use crate::api::lease::{Lease, LeaseError};
use crate::api::{MacAddr, Machine};
use crate::selection::Selection;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, DefaultHasher, Hash};
use std::net::Ipv4Addr;
use std::sync::Arc;

/// The index.
#[derive(Clone, Debug, PartialEq)]
pub struct Inventory {
    selection: Selection,
    entries: BTreeMap<Arc<str>, Arc<Entry>>,
    by_mac: BTreeMap<MacAddr, BTreeSet<Claim>>,
    by_ipv4: BTreeMap<Ipv4Addr, BTreeSet<Claim>>,
    /// The leases of Machines that are served.
    served_macs: Table<MacAddr>,
    served_ipv4s: Table<Ipv4Addr>,
}

/// Hashed without a secret: its keys are the operator's, and strangers only look up.
type Table<K> = HashMap<K, Served, BuildHasherDefault<DefaultHasher>>;

/// A lease of a Machine that is served.
#[derive(Clone, Debug, PartialEq)]
struct Served {
    entry: Arc<Entry>,
    /// Which of the entry's leases.
    lease: usize,
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
        Self {
            selection,
            entries: BTreeMap::new(),
            by_mac: BTreeMap::new(),
            by_ipv4: BTreeMap::new(),
            served_macs: Table::default(),
            served_ipv4s: Table::default(),
        }
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
        self.entries.get(name).map(Arc::as_ref)
    }

    /// Takes in a Machine as the watch delivered it: a new one, a change, or one that now belongs to another site (which
    /// removes it). Returns the names of the Machines whose [`Inventory::leases_valid`] may have changed by it.
    pub fn apply(&mut self, machine: Arc<Machine>) -> BTreeSet<Arc<str>> {
        if !self.selection.owns(&machine) {
            return self.remove(machine.name());
        }
        let entry = Arc::new(Entry::new(machine));
        let name = Arc::clone(&entry.claim.name);
        if let Some(current) = self.entries.get(&name)
            && current.claim == entry.claim
            && current.leases == entry.leases
        {
            // The common event by far is a status change: no claim moves.
            self.entries.insert(Arc::clone(&name), Arc::clone(&entry));
            self.settle(&entry);
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
        self.settle_all(&affected);
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
            withdraw(&mut self.served_macs, &lease.mac, &entry);
            withdraw(&mut self.served_ipv4s, &lease.ipv4, &entry);
        }
        self.settle_all(&affected);
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
        self.served_macs.get(&mac).map_or_else(|| self.not_served(self.by_mac.get(&mac)), Served::found)
    }

    /// Which Machine has that address.
    pub fn by_ipv4(&self, ipv4: Ipv4Addr) -> Lookup<'_> {
        self.served_ipv4s.get(&ipv4).map_or_else(|| self.not_served(self.by_ipv4.get(&ipv4)), Served::found)
    }

    /// Whether DHCP, TFTP and HTTP serve the Machine.
    pub fn is_served(&self, name: &str) -> bool {
        self.entries.get(name).is_some_and(|entry| self.serves(entry))
    }

    fn not_served(&self, claims: Option<&BTreeSet<Claim>>) -> Lookup<'_> {
        let best = claims.and_then(BTreeSet::first).and_then(|claim| self.entries.get(&claim.name));
        best.map_or(Lookup::Unknown, |entry| Lookup::Refused(entry))
    }

    /// Lets lookups find these Machines, or not, as claims now stand.
    fn settle_all(&mut self, names: &BTreeSet<Arc<str>>) {
        for name in names {
            if let Some(entry) = self.entries.get(name).cloned() {
                self.settle(&entry);
            }
        }
    }

    fn settle(&mut self, entry: &Arc<Entry>) {
        let is_served = self.serves(entry);
        // From the last to the first: of several leases for one NIC the first is served.
        for (index, lease) in entry.leases.iter().enumerate().rev() {
            let Ok(lease) = lease else { continue };
            if is_served {
                let served = Served { entry: Arc::clone(entry), lease: index };
                self.served_macs.insert(lease.mac, served.clone());
                self.served_ipv4s.insert(lease.ipv4, served);
            } else {
                withdraw(&mut self.served_macs, &lease.mac, entry);
                withdraw(&mut self.served_ipv4s, &lease.ipv4, entry);
            }
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

impl Served {
    fn found(&self) -> Lookup<'_> {
        match self.entry.leases.get(self.lease) {
            Some(Ok(lease)) => Lookup::Served(&self.entry, lease),
            _ => Lookup::Refused(&self.entry),
        }
    }
}

fn first<'a, K: Ord>(claims: &'a BTreeMap<K, BTreeSet<Claim>>, key: &K) -> Option<&'a Claim> {
    claims.get(key).and_then(BTreeSet::first)
}

/// Forgets that the key is served to that Machine, unless it is another's by now.
fn withdraw<K: Hash + Eq>(served: &mut Table<K>, key: &K, entry: &Entry) {
    if served.get(key).is_some_and(|found| found.entry.claim.name == entry.claim.name) {
        served.remove(key);
    }
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
