//! Sets of functions. Role: what a template may call beyond Go's predefined functions, which are always there.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Func;

/// A set of named functions. Cheap to clone. Go's predefined functions need not be in it, and may be replaced by it.
///
/// ```
/// use gotemplate::{Func, Funcs, Type};
/// let funcs = Funcs::new().with("twice", Func::new([Type::Int], |args| Ok((2 * args.int(0)).into())));
/// assert!(funcs.get("twice").is_some());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Funcs(Arc<BTreeMap<String, Func>>);

impl Funcs {
    /// No functions but Go's own.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sprig's functions: see [`sprig`](crate::sprig).
    ///
    /// ```
    /// use gotemplate::Funcs;
    /// assert!(Funcs::sprig().get("nindent").is_some());
    /// ```
    #[cfg(feature = "sprig")]
    pub fn sprig() -> Self {
        crate::sprig::funcs()
    }

    /// Adds a function, or replaces one. A name that is no Go identifier can be added, but never called.
    pub fn with(mut self, name: impl Into<String>, func: Func) -> Self {
        Arc::make_mut(&mut self.0).insert(name.into(), func);
        self
    }

    /// Takes a function away; a builtin of that name is what the name means again.
    pub fn without(mut self, name: &str) -> Self {
        Arc::make_mut(&mut self.0).remove(name);
        self
    }

    /// Adds all functions of another set, which win over those of the same name.
    pub fn and(mut self, other: &Self) -> Self {
        Arc::make_mut(&mut self.0).extend(other.0.iter().map(|(name, func)| (name.clone(), func.clone())));
        self
    }

    /// The function of a name.
    pub fn get(&self, name: &str) -> Option<&Func> {
        self.0.get(name)
    }

    /// The names in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}
