//! A set of field paths, in the very form that `FieldsV1` has on the wire: nested maps from path element to subset.
//!
//! An empty map is a member; a map with children is a member, too, when it holds `.`. Keeping the wire form saves
//! parsing and printing every manager's entry on each write, which is most of the cost of tracking.
//!
//! Invariants: elements are canonical ([`super::element`]); no child is kept that holds no path; `.` stands only beside
//! children.

use serde_json::{Map, Value};

use super::element::{self, ElementError};

/// Marks a path that is a member although it has children.
const SELF: &str = ".";

/// A set of field paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldSet(Map<String, Value>);

impl FieldSet {
    /// Reads `fieldsV1` that a client wrote: checks its form and makes it canonical.
    pub(super) fn parse(fields: &Value) -> Result<Self, ElementError> {
        let mut set = Self::default();
        if let Value::Object(map) = fields {
            set.0 = normalized(map)?.unwrap_or_default();
            set.0.remove(SELF);
        }
        Ok(set)
    }

    /// Takes `fieldsV1` that this module wrote.
    pub(super) fn trusted(fields: Value) -> Self {
        match fields {
            Value::Object(map) => Self(map),
            _ => Self::default(),
        }
    }

    /// The wire form.
    pub fn into_fields_v1(self) -> Value {
        Value::Object(self.0)
    }

    /// No path at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a path. The empty path is not a field.
    pub(super) fn insert<I: IntoIterator<Item = String>>(&mut self, path: I) {
        let mut path = path.into_iter().peekable();
        let mut node = &mut self.0;
        while let Some(element) = path.next() {
            let fresh = !node.contains_key(&element);
            let next = node.entry(element).or_insert_with(|| Value::Object(Map::new()));
            if !next.is_object() {
                *next = Value::Object(Map::new());
            }
            let Value::Object(next) = next else { return };
            if path.peek().is_none() {
                // A fresh empty map already says "member".
                if !fresh && has_children(next) {
                    next.insert(SELF.into(), Value::Object(Map::new()));
                }
            } else if !fresh && next.is_empty() {
                // It was a member without children and gets some now.
                next.insert(SELF.into(), Value::Object(Map::new()));
            }
            node = next;
        }
    }

    /// Whether exactly this path is a member.
    pub fn contains<'p, I: IntoIterator<Item = &'p str>>(&self, path: I) -> bool {
        let mut node = &self.0;
        let mut any = false;
        for element in path {
            match node.get(element) {
                Some(Value::Object(next)) if element != SELF => node = next,
                _ => return false,
            }
            any = true;
        }
        any && is_member(node)
    }

    /// Members of either.
    pub fn union(&mut self, other: &Self) {
        union(&mut self.0, &other.0);
    }

    /// Removes exactly the members of `other`; what lies below them stays.
    pub fn subtract(&mut self, other: &Self) {
        subtract(&mut self.0, &other.0);
    }

    /// Members of both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(intersection(&self.0, &other.0))
    }

    /// Whether any path is a member of both, without building the intersection.
    pub(super) fn meets(&self, other: &Self) -> bool {
        meets(&self.0, &other.0)
    }

    /// Every path, members of a level before those of deeper levels.
    pub fn paths(&self) -> Vec<Vec<&str>> {
        let mut out = Vec::new();
        walk(&self.0, &mut Vec::new(), &mut out);
        out
    }

    pub(super) fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }
}

/// The path as people read it: `.spec.containers[name="x"].image`.
pub(super) fn display(path: &[&str]) -> String {
    path.iter().map(|e| element::display(e)).collect()
}

pub(super) fn is_member(node: &Map<String, Value>) -> bool {
    node.is_empty() || node.contains_key(SELF)
}

pub(super) fn has_children(node: &Map<String, Value>) -> bool {
    node.len() > usize::from(node.contains_key(SELF))
}

/// The children of a node.
pub(super) fn children(node: &Map<String, Value>) -> impl Iterator<Item = (&String, &Map<String, Value>)> {
    node.iter().filter(|(k, _)| *k != SELF).filter_map(|(k, v)| v.as_object().map(|v| (k, v)))
}

/// `None` when nothing known is left although there was something.
fn normalized(node: &Map<String, Value>) -> Result<Option<Map<String, Value>>, ElementError> {
    let mut out = Map::new();
    let mut member = node.is_empty();
    for (text, below) in node {
        if text == SELF {
            member = true;
            continue;
        }
        let Some(element) = element::normalize(text)? else { continue };
        let below = match below {
            Value::Object(below) => normalized(below)?,
            _ => Some(Map::new()),
        };
        let Some(below) = below else { continue };
        match out.get_mut(&element) {
            Some(Value::Object(twice)) => {
                let both = Map::from_iter([(element.clone(), Value::Object(below))]);
                let mut first = Map::from_iter([(element.clone(), Value::Object(std::mem::take(twice)))]);
                union(&mut first, &both);
                out.append(&mut first);
            }
            _ => {
                out.insert(element, Value::Object(below));
            }
        }
    }
    if out.is_empty() {
        return Ok(member.then(Map::new));
    }
    if member {
        out.insert(SELF.into(), Value::Object(Map::new()));
    }
    Ok(Some(out))
}

fn union(into: &mut Map<String, Value>, other: &Map<String, Value>) {
    for (element, theirs) in children(other) {
        if let Some(Value::Object(ours)) = into.get_mut(element) {
            let member = is_member(ours) || is_member(theirs);
            union(ours, theirs);
            if member && has_children(ours) {
                ours.entry(SELF).or_insert_with(|| Value::Object(Map::new()));
            }
        } else {
            into.insert(element.clone(), Value::Object(theirs.clone()));
        }
    }
}

fn subtract(from: &mut Map<String, Value>, other: &Map<String, Value>) {
    for (element, theirs) in children(other) {
        let Some(Value::Object(ours)) = from.get_mut(element) else { continue };
        let member = is_member(ours) && !is_member(theirs);
        ours.remove(SELF);
        subtract(ours, theirs);
        if ours.is_empty() {
            if !member {
                from.remove(element);
            }
        } else if member {
            ours.insert(SELF.into(), Value::Object(Map::new()));
        }
    }
}

fn intersection(a: &Map<String, Value>, b: &Map<String, Value>) -> Map<String, Value> {
    let mut out = Map::new();
    for (element, ours) in children(a) {
        let Some(theirs) = b.get(element).and_then(Value::as_object) else { continue };
        let member = is_member(ours) && is_member(theirs);
        let mut both = intersection(ours, theirs);
        if !both.is_empty() && member {
            both.insert(SELF.into(), Value::Object(Map::new()));
        }
        if member || !both.is_empty() {
            out.insert(element.clone(), Value::Object(both));
        }
    }
    out
}

fn meets(a: &Map<String, Value>, b: &Map<String, Value>) -> bool {
    children(a).any(|(element, ours)| {
        b.get(element)
            .and_then(Value::as_object)
            .is_some_and(|theirs| (is_member(ours) && is_member(theirs)) || meets(ours, theirs))
    })
}

fn walk<'s>(node: &'s Map<String, Value>, path: &mut Vec<&'s str>, out: &mut Vec<Vec<&'s str>>) {
    for (element, below) in children(node) {
        if is_member(below) {
            path.push(element);
            out.push(path.clone());
            path.pop();
        }
    }
    for (element, below) in children(node) {
        if has_children(below) {
            path.push(element);
            walk(below, path, out);
            path.pop();
        }
    }
}
