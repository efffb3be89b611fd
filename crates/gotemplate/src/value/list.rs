//! Go's slice. Role: `Value::List`; invariant: immutable once made, every element of the element type.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::{Type, Value, drop_flat};

/// A Go slice: `[]interface {}` unless made with [`List::of`]. Cheap to clone; dereferences to a slice of values.
///
/// ```
/// use gotemplate::{List, Type, Value};
/// let any = List::from_iter([Value::Int(1), Value::from("a")]);
/// assert_eq!(any.len(), 2);
/// let strings = List::of(Type::String, vec!["a".into(), "b".into()]);
/// assert_eq!(Value::from(strings).type_name(), "[]string");
/// ```
#[derive(Clone)]
pub struct List(Arc<Inner>);

struct Inner {
    ty: Type,
    items: Items,
}

enum Items {
    Own(Vec<Value>),
    /// A part of another slice, which the part can be extended into again.
    Part {
        of: List,
        from: usize,
        to: usize,
        cap: usize,
    },
}

impl List {
    /// A slice of a given element type. The elements must be of that type: it is what error messages and `%T` report.
    pub fn of(elem: Type, items: Vec<Value>) -> Self {
        Self(Arc::new(Inner { ty: Type::list(elem), items: Items::Own(items) }))
    }

    /// The element type.
    pub fn elem(&self) -> &Type {
        match &self.0.ty {
            Type::List(elem) => elem,
            other => other,
        }
    }

    pub(crate) fn go_type(&self) -> &Type {
        &self.0.ty
    }

    /// The bytes, if this is a `[]byte`.
    pub(crate) fn to_byte_vec(&self) -> Option<Vec<u8>> {
        if *self.elem() != Type::Uint8 {
            return None;
        }
        Some(self.iter().map(|v| v.as_i64().and_then(|i| u8::try_from(i).ok()).unwrap_or(0)).collect())
    }

    /// How far the slice can be extended.
    pub(crate) fn cap(&self) -> usize {
        match &self.0.items {
            Items::Own(items) => items.len(),
            Items::Part { from, cap, .. } => cap - from,
        }
    }

    /// Go's `list[from:to:cap]`; the bounds must be in order and within the capacity.
    pub(crate) fn part(&self, from: usize, to: usize, cap: usize) -> Self {
        let (of, offset) = match &self.0.items {
            Items::Own(_) => (self.clone(), 0),
            Items::Part { of, from, .. } => (of.clone(), *from),
        };
        let items = Items::Part { of, from: offset + from, to: offset + to, cap: offset + cap };
        Self(Arc::new(Inner { ty: self.0.ty.clone(), items }))
    }

    /// What tells this one from others that are equal.
    #[cfg(feature = "sprig")]
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    pub(super) fn take_parts(self, into: &mut Vec<Value>) {
        if let Some(mut inner) = Arc::into_inner(self.0) {
            inner.take(into);
        }
    }
}

impl Inner {
    fn take(&mut self, into: &mut Vec<Value>) {
        match std::mem::replace(&mut self.items, Items::Own(Vec::new())) {
            Items::Own(mut items) => into.append(&mut items),
            Items::Part { of, .. } => into.push(Value::List(of)),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let mut parts = Vec::new();
        self.take(&mut parts);
        drop_flat(parts);
    }
}

impl Deref for List {
    type Target = [Value];
    fn deref(&self) -> &[Value] {
        match &self.0.items {
            Items::Own(items) => items,
            Items::Part { of, from, to, .. } => of.get(*from..*to).unwrap_or_default(),
        }
    }
}

impl<V: Into<Value>> FromIterator<V> for List {
    fn from_iter<I: IntoIterator<Item = V>>(items: I) -> Self {
        Self::of(Type::Any, items.into_iter().map(Into::into).collect())
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl PartialEq for List {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.0.ty == other.0.ty && **self == **other)
    }
}
