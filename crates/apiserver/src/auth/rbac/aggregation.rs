//! Aggregated `ClusterRoles`: the rules of a role with an `aggregationRule` are the union of the rules of the roles that its
//! selectors choose.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use super::Rule;
use crate::object;

/// A `ClusterRole` before its rules are resolved.
struct Raw<'a> {
    role: &'a Value,
    rules: Vec<Rule>,
    selectors: Option<&'a Vec<Value>>,
}

/// The effective rules of every `ClusterRole`.
pub(crate) fn resolve(cluster_roles: &[Value]) -> HashMap<String, Vec<Rule>> {
    // Ordered by name, so that the same roles give the same rules in the same order.
    let raw: BTreeMap<&str, Raw<'_>> = cluster_roles
        .iter()
        .map(|role| {
            let selectors = role.pointer("/aggregationRule/clusterRoleSelectors").and_then(Value::as_array);
            (object::name(role), Raw { role, rules: Rule::list_from_json(role), selectors })
        })
        .collect();
    raw.keys().map(|name| ((*name).to_owned(), rules_of(name, &raw))).collect()
}

/// The aggregated roles whose stored rules are not the effective ones, and what these are. Order does not matter.
pub(crate) fn outdated(cluster_roles: &[Value]) -> Vec<(String, Value)> {
    let mut effective = resolve(cluster_roles);
    let aggregated = cluster_roles.iter().filter(|r| {
        r.pointer("/aggregationRule/clusterRoleSelectors").is_some_and(Value::is_array) && !object::is_deleting(r)
    });
    aggregated
        .filter_map(|role| {
            let rules = effective.remove(object::name(role))?;
            let (wanted, stored): (HashSet<_>, HashSet<_>) =
                (rules.iter().cloned().collect(), Rule::list_from_json(role).into_iter().collect());
            let json = || rules.iter().map(Rule::to_json).collect();
            (wanted != stored).then(|| (object::name(role).to_owned(), json()))
        })
        .collect()
}

fn rules_of(name: &str, raw: &BTreeMap<&str, Raw<'_>>) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    // Roles may aggregate aggregated roles, also in circles: each is visited once.
    let mut seen = HashSet::from([name]);
    let mut queue = vec![name];
    while let Some(Raw { rules: own, selectors, .. }) = queue.pop().and_then(|name| raw.get(name)) {
        let Some(selectors) = selectors else {
            for rule in own {
                if !rules.contains(rule) {
                    rules.push(rule.clone());
                }
            }
            continue;
        };
        for (name, candidate) in raw.iter().rev() {
            if selectors.iter().any(|s| selects(s, candidate.role)) && seen.insert(name) {
                queue.push(name);
            }
        }
    }
    rules
}

/// A `LabelSelector` against an object's labels; one that is malformed selects nothing.
fn selects(selector: &Value, candidate: &Value) -> bool {
    if !selector.is_object() {
        return false;
    }
    let label = |key: &str| candidate.pointer("/metadata/labels").and_then(|l| l.get(key)).and_then(Value::as_str);
    let labels_match = match selector.get("matchLabels") {
        None | Some(Value::Null) => true,
        Some(wanted) => wanted
            .as_object()
            .is_some_and(|wanted| wanted.iter().all(|(k, v)| v.as_str().is_some() && label(k) == v.as_str())),
    };
    let expression_matches = |expression: &Value| {
        let Some(key) = expression.get("key").and_then(Value::as_str) else { return false };
        let values = expression.get("values").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let listed = |found: &str| values.iter().any(|v| v.as_str() == Some(found));
        match (expression.get("operator").and_then(Value::as_str), label(key)) {
            (Some("In"), Some(found)) => listed(found),
            (Some("NotIn"), Some(found)) => !listed(found),
            (Some("Exists"), Some(_)) | (Some("NotIn" | "DoesNotExist"), None) => true,
            _ => false,
        }
    };
    let expressions = selector.get("matchExpressions").and_then(Value::as_array);
    labels_match && expressions.is_none_or(|list| list.iter().all(expression_matches))
}
