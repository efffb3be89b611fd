//! Go's struct. Role: `Value::Struct`; invariant: the set of fields is fixed, so an unknown one is an error and not `<no value>`.

use std::fmt;
use std::sync::Arc;

use super::{Str, Type, Value, drop_flat};

/// A Go struct: named fields in order, and the type's name for messages.
///
/// ```
/// use gotemplate::{Struct, Template, Value};
/// let machine = Struct::new("api.Machine").field("Name", "n1").field("Cores", 8);
/// let t = Template::new("t", "{{.Name}} {{.Disk}}")?;
/// let error = t.render(&Value::from(machine)).unwrap_err();
/// assert_eq!(error.to_string(), r#"template: t:1:12: executing "t" at <.Disk>: can't evaluate field Disk in type api.Machine"#);
/// # Ok::<(), gotemplate::Error>(())
/// ```
#[derive(Clone)]
pub struct Struct(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    name: Arc<str>,
    fields: Vec<Field>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    pub(crate) name: Str,
    pub(crate) value: Value,
    /// Whether the field's declared type is `interface {}` rather than the type of what it holds.
    pub(crate) any: bool,
    /// Whether templates may see it, which in Go the first letter decides.
    pub(crate) exported: bool,
}

impl Struct {
    /// A struct without fields, of a type called `name`.
    pub fn new(name: impl AsRef<str>) -> Self {
        Self(Arc::new(Inner { name: Arc::from(name.as_ref()), fields: Vec::new() }))
    }

    /// Adds a field, declared with the type of its value. As in Go, a name that does not start with an upper-case letter makes a field
    /// that prints with the struct, but that a template cannot get at. Nil has no type, so a nil field is declared as `interface {}`.
    pub fn field(self, name: impl Into<Str>, value: impl Into<Value>) -> Self {
        let value = value.into();
        let any = matches!(value, Value::Nil);
        self.push(name.into(), value, any, None)
    }

    /// Adds a field that templates may see whatever its name is.
    pub(crate) fn exported(self, name: impl Into<Str>, value: Value) -> Self {
        let any = matches!(value, Value::Nil);
        self.push(name.into(), value, any, Some(true))
    }

    /// Adds a field that is declared as `interface {}`.
    ///
    /// ```
    /// use gotemplate::Struct;
    /// let s = Struct::new("main.T").any_field("Extra", 1);
    /// assert_eq!(s.get(b"Extra"), Some(&1.into()));
    /// ```
    pub fn any_field(self, name: impl Into<Str>, value: impl Into<Value>) -> Self {
        self.push(name.into(), value.into(), true, None)
    }

    /// The value of a field.
    pub fn get(&self, name: &[u8]) -> Option<&Value> {
        self.find(name).map(|f| &f.value)
    }

    /// The fields in order.
    pub fn fields(&self) -> impl Iterator<Item = (&Str, &Value)> {
        self.0.fields.iter().map(|f| (&f.name, &f.value))
    }

    /// The type's name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    pub(crate) fn find(&self, name: &[u8]) -> Option<&Field> {
        self.0.fields.iter().find(|f| f.name.as_bytes() == name)
    }

    pub(crate) fn raw_fields(&self) -> &[Field] {
        &self.0.fields
    }

    pub(crate) fn go_type(&self) -> Type {
        Type::Struct(Arc::clone(&self.0.name))
    }

    pub(super) fn take_parts(self, into: &mut Vec<Value>) {
        if let Some(mut inner) = Arc::into_inner(self.0) {
            into.extend(std::mem::take(&mut inner.fields).into_iter().map(|f| f.value));
        }
    }

    fn push(mut self, name: Str, value: Value, any: bool, exported: Option<bool>) -> Self {
        let exported =
            exported.unwrap_or_else(|| char::from_u32(crate::runes::decode(&name).0).is_some_and(char::is_uppercase));
        Arc::make_mut(&mut self.0).fields.push(Field { name, value, any, exported });
        self
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        drop_flat(std::mem::take(&mut self.fields).into_iter().map(|f| f.value).collect());
    }
}

impl fmt::Debug for Struct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct(self.name());
        for field in &self.0.fields {
            out.field(&field.name.to_string_lossy(), &field.value);
        }
        out.finish()
    }
}

impl PartialEq for Struct {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.0.name == other.0.name && self.0.fields == other.0.fields)
    }
}
