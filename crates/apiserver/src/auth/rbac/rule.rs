//! One `PolicyRule`: what it allows, and whether a set of rules covers another.

use std::fmt;

use serde_json::{Map, Value, json};

use crate::auth::Attributes;

/// A `PolicyRule`. A resource rule has groups and resources; a non-resource rule has URLs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Rule {
    pub(crate) groups: Vec<String>,
    pub(crate) resources: Vec<String>,
    pub(crate) urls: Vec<String>,
    pub(crate) names: Vec<String>,
    pub(crate) verbs: Vec<String>,
}

fn owned(list: &[&str]) -> Vec<String> {
    list.iter().map(|s| (*s).to_owned()).collect()
}

fn has(list: &[String], wanted: &str) -> bool {
    list.iter().any(|s| s == "*" || s == wanted)
}

impl Rule {
    /// A resource rule.
    pub(crate) fn resources(groups: &[&str], resources: &[&str], verbs: &[&str]) -> Self {
        Self { groups: owned(groups), resources: owned(resources), verbs: owned(verbs), ..Self::default() }
    }
    /// A non-resource rule.
    pub(crate) fn urls(urls: &[&str], verbs: &[&str]) -> Self {
        Self { urls: owned(urls), verbs: owned(verbs), ..Self::default() }
    }
    /// The same rule for these object names only.
    pub(crate) fn named(mut self, names: &[&str]) -> Self {
        self.names = owned(names);
        self
    }

    /// From a stored role's JSON. Whatever is not a list of strings there allows nothing.
    pub(crate) fn from_json(rule: &Value) -> Self {
        let strings = |field: &str| {
            let list = rule.get(field).and_then(Value::as_array).into_iter().flatten();
            list.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        Self {
            groups: strings("apiGroups"),
            resources: strings("resources"),
            urls: strings("nonResourceURLs"),
            names: strings("resourceNames"),
            verbs: strings("verbs"),
        }
    }

    /// All rules of a role (`rules`).
    pub(crate) fn list_from_json(role: &Value) -> Vec<Self> {
        role.get("rules").and_then(Value::as_array).into_iter().flatten().map(Self::from_json).collect()
    }

    /// As a `PolicyRule`, `ResourceRule` or `NonResourceRule`; they share their field names.
    pub(crate) fn to_json(&self) -> Value {
        let mut out = Map::new();
        for (field, list) in [
            ("apiGroups", &self.groups),
            ("nonResourceURLs", &self.urls),
            ("resourceNames", &self.names),
            ("resources", &self.resources),
        ] {
            if !list.is_empty() {
                out.insert(field.to_owned(), json!(list));
            }
        }
        out.insert("verbs".to_owned(), json!(self.verbs));
        Value::Object(out)
    }

    /// Whether it allows what is asked.
    pub(crate) fn allows(&self, asked: &Attributes<'_>) -> bool {
        if !has(&self.verbs, asked.verb) {
            return false;
        }
        if asked.resource.is_empty() {
            return self.urls.iter().any(|pattern| url_matches(pattern, asked.path));
        }
        has(&self.groups, asked.group)
            && self.resources.iter().any(|r| resource_matches(r, asked.resource, asked.subresource))
            && (self.names.is_empty() || (!asked.name.is_empty() && self.names.iter().any(|n| n == asked.name)))
    }

    /// The rule split into rules of one verb and one thing each.
    fn atoms(&self) -> Vec<Self> {
        let mut atoms = Vec::new();
        let one = |s: &String| vec![s.clone()];
        for verb in &self.verbs {
            for url in &self.urls {
                atoms.push(Self { urls: one(url), verbs: one(verb), ..Self::default() });
            }
            for group in &self.groups {
                for resource in &self.resources {
                    let atom =
                        Self { groups: one(group), resources: one(resource), verbs: one(verb), ..Self::default() };
                    if self.names.is_empty() {
                        atoms.push(atom);
                    } else {
                        atoms.extend(self.names.iter().map(|n| Self { names: one(n), ..atom.clone() }));
                    }
                }
            }
        }
        atoms
    }

    /// Whether it grants everything that `atom` grants.
    fn covers(&self, atom: &Self) -> bool {
        let all = |mine: &[String], theirs: &[String]| theirs.iter().all(|t| has(mine, t));
        all(&self.verbs, &atom.verbs)
            && all(&self.groups, &atom.groups)
            && atom.resources.iter().all(|theirs| self.resources.iter().any(|mine| resource_covers(mine, theirs)))
            && (self.names.is_empty() || (!atom.names.is_empty() && atom.names.iter().all(|n| self.names.contains(n))))
            && atom.urls.iter().all(|theirs| self.urls.iter().any(|mine| url_covers(mine, theirs)))
    }
}

/// `pods`, `pods/log`, `*/scale` or `*`, against a resource and subresource.
fn resource_matches(pattern: &str, resource: &str, subresource: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    match pattern.split_once('/') {
        None => subresource.is_empty() && pattern == resource,
        Some((r, s)) => s == subresource && !subresource.is_empty() && (r == "*" || r == resource),
    }
}

fn resource_covers(mine: &str, theirs: &str) -> bool {
    mine == "*" || mine == theirs || {
        match (mine.strip_prefix("*/"), theirs.split_once('/')) {
            (Some(subresource), Some((_, s))) => subresource == s,
            _ => false,
        }
    }
}

/// An exact path, or a prefix that ends in `*`.
fn url_matches(pattern: &str, path: &str) -> bool {
    pattern == path || pattern.strip_suffix('*').is_some_and(|prefix| path.starts_with(prefix))
}

fn url_covers(mine: &str, theirs: &str) -> bool {
    mine == theirs
        || mine.strip_suffix('*').is_some_and(|prefix| theirs.strip_suffix('*').unwrap_or(theirs).starts_with(prefix))
}

/// What of `wanted` the rules in `held` do not cover: merged by thing, sorted.
pub(super) fn uncovered(held: &[Rule], wanted: &[Rule]) -> Vec<Rule> {
    let mut missing: Vec<Rule> = Vec::new();
    for atom in wanted.iter().flat_map(Rule::atoms) {
        if held.iter().any(|rule| rule.covers(&atom)) {
            continue;
        }
        let same = |m: &&mut Rule| {
            m.groups == atom.groups && m.resources == atom.resources && m.names == atom.names && m.urls == atom.urls
        };
        match missing.iter_mut().find(same) {
            Some(known) if known.verbs.contains(&atom.verbs[0]) => {}
            Some(known) => known.verbs.extend(atom.verbs),
            None => missing.push(atom),
        }
    }
    missing.sort();
    missing
}

impl fmt::Display for Rule {
    /// As error messages show it: `{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = [
            ("APIGroups", &self.groups),
            ("Resources", &self.resources),
            ("NonResourceURLs", &self.urls),
            ("ResourceNames", &self.names),
            ("Verbs", &self.verbs),
        ]
        .into_iter()
        .filter(|(_, list)| !list.is_empty())
        .map(|(field, list)| format!("{field}:{}", quoted(list)))
        .collect();
        write!(f, "{{{}}}", parts.join(", "))
    }
}

/// `["a" "b"]`.
pub(super) fn quoted(list: &[String]) -> String {
    format!("[{}]", list.iter().map(|s| format!("{s:?}")).collect::<Vec<_>>().join(" "))
}
