//! What the index has to say about each Machine's leases: the content of its `LeasesValid` condition.
//!
//! Invariant: a Machine is served exactly when its condition is True (or absent, when it has no leases to serve).

use super::{Claim, Entry, Inventory};
use crate::api::conditions::{ConditionStatus, LEASES_VALID, Observation, reason};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

/// How many findings one message spells out; the rest are counted, as the message must stay readable in a table.
const SPELLED_OUT: usize = 4;

impl Inventory {
    /// The `LeasesValid` condition of that Machine; none for a Machine without leases, or one that is not indexed.
    pub fn leases_valid(&self, name: &str) -> Option<Observation> {
        let entry = self.get(name)?;
        if entry.leases.is_empty() {
            return None;
        }
        let observation =
            |status, reason, findings: &[String]| Observation::new(LEASES_VALID, status, reason, sentence(findings));

        let invalid = invalid(entry);
        if !invalid.is_empty() {
            return Some(observation(ConditionStatus::False, reason::INVALID, &invalid));
        }
        let (lost, held) = self.disputes(entry);
        if !lost.is_empty() {
            return Some(observation(ConditionStatus::False, reason::DUPLICATE, &lost));
        }
        let mut warnings = held;
        warnings.extend(suspicious(entry));
        Some(if warnings.is_empty() {
            observation(ConditionStatus::True, reason::VALID, &[])
        } else {
            observation(ConditionStatus::True, reason::WARNING, &warnings)
        })
    }

    /// Disputes over the entry's leases: those it lost, and those it holds against others.
    fn disputes(&self, entry: &Entry) -> (Vec<String>, Vec<String>) {
        let (mut lost, mut held) = (Vec::new(), Vec::new());
        let mut seen = BTreeSet::new();
        for lease in entry.leases() {
            let claims = [
                (format!("mac {}", lease.mac), self.by_mac.get(&lease.mac)),
                (format!("ipv4 {}", lease.ipv4), self.by_ipv4.get(&lease.ipv4)),
            ];
            for (what, claims) in claims {
                if let Some(claims) = claims
                    && seen.insert(what.clone())
                {
                    judge(&what, claims, entry, &mut lost, &mut held);
                }
            }
        }
        (lost, held)
    }
}

fn judge(what: &str, claims: &BTreeSet<Claim>, entry: &Entry, lost: &mut Vec<String>, held: &mut Vec<String>) {
    let Some(holder) = claims.first() else { return };
    let name = &entry.claim.name;
    if holder == &entry.claim {
        let mut rivals = claims.iter().skip(1).map(|claim| claim.name.as_ref());
        if let Some(rival) = rivals.next() {
            let others = match rivals.count() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            held.push(format!("{what} is also claimed by Machine {rival}{others}; {name} is older and is served"));
        }
    } else {
        lost.push(format!("{what} is held by the older Machine {}; {name} is not served", holder.name));
    }
}

fn invalid(entry: &Entry) -> Vec<String> {
    let errors = entry.leases.iter().enumerate().filter_map(|(index, lease)| Some((index, lease.as_ref().err()?)));
    errors.map(|(index, error)| format!("spec.pxe.dhcpLeases[{index}].{error}")).collect()
}

fn suspicious(entry: &Entry) -> Vec<String> {
    let mut warnings: Vec<String> = entry.leases().flat_map(super::Lease::warnings).collect();
    // The schema refuses a repeated MAC; a Machine stored past it gets the first of its leases.
    warnings.extend(
        repeated(entry.leases().map(|lease| lease.mac))
            .map(|mac| format!("mac {mac} has several leases; the first is served")),
    );
    warnings
}

fn repeated<K: Ord + Display>(keys: impl Iterator<Item = K>) -> impl Iterator<Item = K> {
    let mut counts = BTreeMap::new();
    for key in keys {
        *counts.entry(key).or_insert(0_u32) += 1;
    }
    counts.into_iter().filter_map(|(key, count)| (count > 1).then_some(key))
}

fn sentence(findings: &[String]) -> String {
    let spelled_out = findings.iter().take(SPELLED_OUT).cloned();
    let uncounted = findings.len().saturating_sub(SPELLED_OUT);
    let counted = (uncounted > 0).then(|| format!("and {uncounted} more"));
    spelled_out.chain(counted).collect::<Vec<_>>().join("; ")
}
