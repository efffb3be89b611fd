//! Go's map with string keys.
//!
//! Role: `Value::Map`. Invariants: entries are sorted by the bytes of their keys, which is the order of `range` and of printing; a map
//! made by an embedder never changes, a map made by a template's own function (`dict`) may change in place and never contains itself.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use super::{Str, Type, Value, drop_flat};

/// How many values [`Map::set`] looks at before it gives up searching for a cycle.
const CYCLE_SEARCH: usize = 100_000;

/// A Go map: `map[string]interface {}` unless made with [`Map::of`]. Cheap to clone.
///
/// ```
/// use gotemplate::{Map, Value};
/// let m = Map::from_iter([("b", 2), ("a", 1)]);
/// assert_eq!(m.get(b"a"), Some(Value::Int(1)));
/// assert_eq!(m.entries()[0].0.as_bytes(), b"a");
/// ```
#[derive(Clone)]
pub struct Map(Arc<Inner>);

struct Inner {
    ty: Type,
    entries: Entries,
}

type Sorted = Vec<(Str, Value)>;

enum Entries {
    Fixed(Sorted),
    Shared(RwLock<Sorted>),
}

/// Why [`Map::set`] or [`Map::remove`] refused.
///
/// ```
/// use gotemplate::{Map, SetError, Value};
/// assert_eq!(Map::default().set("a", Value::Nil), Err(SetError::Fixed));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetError {
    /// The map is part of the data, which a template cannot change.
    Fixed,
    /// The map would contain itself, or the value is too large to tell.
    Cycle,
}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fixed => "the map belongs to the template's data and cannot be changed",
            Self::Cycle => "the map would contain itself",
        })
    }
}

impl std::error::Error for SetError {}

impl Map {
    /// A map of a given element type. The values must be of that type.
    pub fn of<K: Into<Str>>(elem: Type, entries: impl IntoIterator<Item = (K, Value)>) -> Self {
        let entries = sorted(entries.into_iter().map(|(k, v)| (k.into(), v)).collect());
        Self(Arc::new(Inner { ty: Type::map(elem), entries: Entries::Fixed(entries) }))
    }

    /// A `map[string]interface {}` that [`Map::set`] can change later, as Sprig's `dict` gives: every holder sees the change.
    ///
    /// ```
    /// use gotemplate::{Map, Value};
    /// let m = Map::shared([("a", Value::Int(1))]);
    /// let same = m.clone();
    /// m.set("b", Value::Int(2))?;
    /// assert_eq!(same.len(), 2);
    /// # Ok::<(), gotemplate::SetError>(())
    /// ```
    pub fn shared<K: Into<Str>>(entries: impl IntoIterator<Item = (K, Value)>) -> Self {
        let entries = sorted(entries.into_iter().map(|(k, v)| (k.into(), v)).collect());
        Self(Arc::new(Inner { ty: Type::map(Type::Any), entries: Entries::Shared(RwLock::new(entries)) }))
    }

    /// The element type.
    pub fn elem(&self) -> &Type {
        match &self.0.ty {
            Type::Map(elem) => elem,
            other => other,
        }
    }

    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Option<Value> {
        self.read(|entries| find(entries, key).ok().map(|i| entries[i].1.clone()))
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.read(<[_]>::len)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All entries in the order of their keys, as they are now.
    pub fn entries(&self) -> Vec<(Str, Value)> {
        self.read(<[_]>::to_vec)
    }

    /// Puts a value under a key, in a map made by [`Map::shared`].
    pub fn set(&self, key: impl Into<Str>, value: Value) -> Result<(), SetError> {
        let Entries::Shared(entries) = &self.0.entries else { return Err(SetError::Fixed) };
        if self.is_within(&value) {
            return Err(SetError::Cycle);
        }
        let key = key.into();
        let mut entries = entries.write().unwrap_or_else(PoisonError::into_inner);
        match find(&entries, &key) {
            Ok(i) => entries[i].1 = value,
            Err(i) => entries.insert(i, (key, value)),
        }
        Ok(())
    }

    /// Takes a key out of a map made by [`Map::shared`].
    pub fn remove(&self, key: &[u8]) -> Result<Option<Value>, SetError> {
        let Entries::Shared(entries) = &self.0.entries else { return Err(SetError::Fixed) };
        let mut entries = entries.write().unwrap_or_else(PoisonError::into_inner);
        Ok(find(&entries, key).ok().map(|i| entries.remove(i).1))
    }

    pub(crate) fn go_type(&self) -> &Type {
        &self.0.ty
    }

    /// The entries by reference, where the map cannot change meanwhile.
    pub(crate) fn fixed(&self) -> Option<&[(Str, Value)]> {
        match &self.0.entries {
            Entries::Fixed(entries) => Some(entries),
            Entries::Shared(_) => None,
        }
    }

    pub(crate) fn find_fixed<'a>(entries: &'a [(Str, Value)], key: &[u8]) -> Option<&'a Value> {
        find(entries, key).ok().map(|i| &entries[i].1)
    }

    /// What tells this one from others that are equal.
    #[cfg(feature = "sprig")]
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    pub(super) fn take_parts(self, into: &mut Vec<Value>) {
        if let Some(mut inner) = Arc::into_inner(self.0) {
            into.extend(inner.take().into_iter().map(|(_, v)| v));
        }
    }

    fn read<R>(&self, f: impl FnOnce(&[(Str, Value)]) -> R) -> R {
        match &self.0.entries {
            Entries::Fixed(entries) => f(entries),
            Entries::Shared(entries) => f(&entries.read().unwrap_or_else(PoisonError::into_inner)),
        }
    }

    /// Whether this map is somewhere in `value`; also when the search becomes too long.
    fn is_within(&self, value: &Value) -> bool {
        let mut pending = vec![value.clone()];
        let mut seen = 0;
        while let Some(next) = pending.pop() {
            seen += 1;
            match next {
                Value::Map(m) if Arc::ptr_eq(&m.0, &self.0) => return true,
                Value::Map(m) => m.read(|entries| pending.extend(entries.iter().map(|(_, v)| v.clone()))),
                Value::List(l) => pending.extend(l.iter().cloned()),
                Value::Struct(s) => pending.extend(s.fields().map(|f| f.1.clone())),
                _ => {}
            }
            if seen + pending.len() > CYCLE_SEARCH {
                return true;
            }
        }
        false
    }
}

impl Inner {
    fn take(&mut self) -> Sorted {
        match &mut self.entries {
            Entries::Fixed(entries) => std::mem::take(entries),
            Entries::Shared(entries) => std::mem::take(entries.get_mut().unwrap_or_else(PoisonError::into_inner)),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        drop_flat(self.take().into_iter().map(|(_, v)| v).collect());
    }
}

fn find(entries: &[(Str, Value)], key: &[u8]) -> Result<usize, usize> {
    entries.binary_search_by(|(k, _)| k.as_bytes().cmp(key))
}

/// Sorts by key; of several entries with one key the last stays, as with assignments in Go.
fn sorted(mut entries: Sorted) -> Sorted {
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    entries.dedup_by(|later, earlier| {
        let same = later.0 == earlier.0;
        if same {
            std::mem::swap(&mut later.1, &mut earlier.1);
        }
        same
    });
    entries
}

impl Default for Map {
    fn default() -> Self {
        Self::of(Type::Any, Vec::<(Str, Value)>::new())
    }
}

impl<K: Into<Str>, V: Into<Value>> FromIterator<(K, V)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        Self::of(Type::Any, entries.into_iter().map(|(k, v)| (k, v.into())))
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.entries()).finish()
    }
}

impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.0.ty == other.0.ty && self.entries() == other.entries())
    }
}
