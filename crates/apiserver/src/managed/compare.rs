//! What differs between two versions of an object, field by field as the schema divides it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{
    field_set::FieldSet,
    shape::{Items, Path, Shape, Step},
};
use crate::{patch::same, schema::SchemaRoot};

/// The fields in which two objects differ.
#[derive(Debug, Default)]
pub(super) struct Difference {
    /// Added, or given another value.
    pub(super) changed: FieldSet,
    /// No longer there.
    pub(super) removed: FieldSet,
}

impl Difference {
    pub(super) fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.removed.is_empty()
    }
}

/// Compares `old` (`None`: nothing yet) with `new`, leaving out the top-level field `except`.
pub(super) fn compare(schema: &SchemaRoot, old: Option<&Value>, new: &Value, except: Option<&str>) -> Difference {
    let empty = Map::new();
    let old = old.and_then(Value::as_object).unwrap_or(&empty);
    let new = new.as_object().unwrap_or(&empty);
    let mut walk = Walk { path: Path::default(), out: Difference::default(), except };
    walk.members(Shape::of(schema), old, new);
    walk.out
}

enum View<'v> {
    /// Absent, or null, which takes any shape.
    Nothing,
    Leaf,
    Map(&'v Map<String, Value>),
    List(Items<'v>),
}

impl View<'_> {
    fn is_container(&self) -> bool {
        match self {
            Self::Nothing | Self::Leaf => false,
            Self::Map(m) => !m.is_empty(),
            Self::List(l) => !l.list.is_empty(),
        }
    }
}

struct Walk<'v> {
    path: Path<'v>,
    out: Difference,
    except: Option<&'v str>,
}

impl<'v> Walk<'v> {
    fn members(&mut self, shape: Shape<'_>, old: &'v Map<String, Value>, new: &'v Map<String, Value>) {
        for (name, before) in old {
            self.member(shape, name, Some(before), new.get(name));
        }
        for (name, after) in new {
            if !old.contains_key(name) {
                self.member(shape, name, None, Some(after));
            }
        }
    }

    fn member(&mut self, shape: Shape<'_>, name: &'v str, old: Option<&'v Value>, new: Option<&'v Value>) {
        if self.path.ignores(name) || (self.path.is_root() && self.except == Some(name)) {
            return;
        }
        self.path.push(Step::Field(name));
        self.value(shape.member(name), old, new);
        self.path.pop();
    }

    fn view(&self, shape: Shape<'_>, value: Option<&'v Value>) -> View<'v> {
        match value {
            None | Some(Value::Null) => View::Nothing,
            Some(_) if self.path.is_deep() => View::Leaf,
            Some(value) => {
                if let Some(map) = shape.granular_map(value) {
                    View::Map(map)
                } else if let Some(items) = shape.granular_list(value) {
                    View::List(items)
                } else {
                    View::Leaf
                }
            }
        }
    }

    fn value(&mut self, shape: Shape<'_>, old: Option<&'v Value>, new: Option<&'v Value>) {
        // Most lists and scalars are unchanged; identities of items are worth computing only for the others.
        if let (Some(a), Some(b)) = (old, new)
            && !a.is_object()
            && a == b
        {
            return;
        }
        let (before, after) = (self.view(shape, old), self.view(shape, new));
        let divided = before.is_container() || after.is_container();
        // Containers of different kinds share no children: one side's go, the other's come, and the field itself changed.
        let mut reshaped = false;
        match (before, after) {
            (View::Map(a), View::Map(b)) => self.members(shape, a, b),
            (View::List(a), View::List(b)) => self.items(shape, Some(&a), Some(&b)),
            (before, after) => {
                reshaped = !matches!(before, View::Nothing) && !matches!(after, View::Nothing);
                self.one_sided(shape, before, true);
                self.one_sided(shape, after, false);
            }
        }
        match (old, new) {
            (None, _) => self.path.record(&mut self.out.changed),
            (_, None) => self.path.record(&mut self.out.removed),
            (Some(a), Some(b)) => {
                if (reshaped || !divided) && !same(a, b) {
                    self.path.record(&mut self.out.changed);
                }
            }
        }
    }

    fn one_sided(&mut self, shape: Shape<'_>, view: View<'v>, is_old: bool) {
        match view {
            View::Map(map) => {
                for (name, value) in map {
                    let (old, new) = if is_old { (Some(value), None) } else { (None, Some(value)) };
                    self.member(shape, name, old, new);
                }
            }
            View::List(items) => {
                let (old, new) = if is_old { (Some(&items), None) } else { (None, Some(&items)) };
                self.items(shape, old, new);
            }
            View::Nothing | View::Leaf => {}
        }
    }

    fn items(&mut self, shape: Shape<'_>, old: Option<&Items<'v>>, new: Option<&Items<'v>>) {
        let (before, after) = (grouped(old), grouped(new));
        let identities: BTreeSet<&str> = before.keys().chain(after.keys()).copied().collect();
        for identity in identities {
            let (a, b) = (before.get(identity).map_or(&[][..], |v| v), after.get(identity).map_or(&[][..], |v| v));
            self.path.push(Step::Item(identity.to_owned()));
            match (a, b) {
                ([] | [_], [] | [_]) => self.value(shape.items(), a.first().copied(), b.first().copied()),
                // Duplicates are compared as a whole, like an atomic list.
                ([_, _, ..], [_, _, ..]) => {
                    if a.len() != b.len() || !a.iter().zip(b).all(|(a, b)| same(a, b)) {
                        self.path.record(&mut self.out.changed);
                    }
                }
                ([_, _, ..], rest) => {
                    if let Some(one) = rest.first() {
                        self.value(shape.items(), None, Some(one));
                    }
                    self.path.record(&mut self.out.removed);
                }
                (rest, [_, _, ..]) => {
                    if let Some(one) = rest.first() {
                        self.value(shape.items(), Some(one), None);
                    }
                    self.path.record(&mut self.out.changed);
                }
            }
            self.path.pop();
        }
    }
}

fn grouped<'i, 'v>(items: Option<&'i Items<'v>>) -> BTreeMap<&'i str, Vec<&'v Value>> {
    let mut groups: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    if let Some(items) = items {
        for (item, element) in items.list.iter().zip(&items.elements) {
            groups.entry(element).or_default().push(item);
        }
    }
    groups
}
