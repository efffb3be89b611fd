//! A value during execution: borrowed where it can be, and with what Go's reflection knows beyond the value.
//!
//! Two things matter in messages and in what nil does. A value can be absent altogether (a missing key), which is not nil. And a value can
//! sit in an interface, as all elements of a `map[string]interface {}` do, until a pipeline takes it out.

use crate::value::{Type, Value};

#[derive(Clone, Debug)]
pub(crate) struct Val<'a> {
    held: Held<'a>,
    /// Whether the static type is `interface {}`. Only then can the value be nil.
    any: bool,
}

#[derive(Clone, Debug)]
enum Held<'a> {
    Absent,
    Ref(&'a Value),
    Own(Value),
}

impl<'a> Val<'a> {
    pub(crate) const ABSENT: Self = Self { held: Held::Absent, any: false };

    /// A nil interface.
    pub(crate) const NIL: Self = Self { held: Held::Own(Value::Nil), any: true };

    /// A value by itself; nil is absent, for there is no value in it.
    pub(crate) fn borrowed(value: &'a Value) -> Self {
        if let Value::Nil = value { Self::ABSENT } else { Self { held: Held::Ref(value), any: false } }
    }

    pub(crate) fn owned(value: impl Into<Value>) -> Self {
        match value.into() {
            Value::Nil => Self::ABSENT,
            value => Self { held: Held::Own(value), any: false },
        }
    }

    /// An element of a container whose elements have the type `elem`.
    pub(crate) fn element(value: &'a Value, any: bool) -> Self {
        Self { held: Held::Ref(value), any: any || matches!(value, Value::Nil) }
    }

    pub(crate) fn owned_element(value: Value, any: bool) -> Self {
        let any = any || matches!(value, Value::Nil);
        Self { held: Held::Own(value), any }
    }

    /// The value, if there is one; it may be nil.
    pub(crate) fn get(&self) -> Option<&Value> {
        match &self.held {
            Held::Absent => None,
            Held::Ref(value) => Some(value),
            Held::Own(value) => Some(value),
        }
    }

    /// The value where it lives as long as the data.
    pub(crate) fn get_ref(&self) -> Option<&'a Value> {
        match &self.held {
            Held::Ref(value) => Some(value),
            _ => None,
        }
    }

    /// The value, if there is one and it is not nil.
    pub(crate) fn some(&self) -> Option<&Value> {
        self.get().filter(|v| !matches!(v, Value::Nil))
    }

    pub(crate) fn is_absent(&self) -> bool {
        matches!(self.held, Held::Absent)
    }

    pub(crate) fn is_any(&self) -> bool {
        self.any
    }

    /// Whether this is a nil interface.
    pub(crate) fn is_nil(&self) -> bool {
        matches!(self.get(), Some(Value::Nil))
    }

    /// Takes the value out of its interface. Nothing is in a nil one.
    pub(crate) fn unwrapped(mut self) -> Self {
        if self.any {
            if self.is_nil() {
                return Self::ABSENT;
            }
            self.any = false;
        }
        self
    }

    pub(crate) fn truth(&self) -> bool {
        self.get().is_some_and(Value::truth)
    }

    /// The name of the static type. (Of an absent value, Go would not ask.)
    pub(crate) fn static_type(&self) -> String {
        if self.any { Type::Any.to_string() } else { self.dynamic_type() }
    }

    /// The name of the type of what is inside.
    pub(crate) fn dynamic_type(&self) -> String {
        match self.some() {
            Some(value) => value.type_name(),
            None => Type::Any.to_string(),
        }
    }

    /// The value for a function, where absent is nil.
    pub(crate) fn into_value(self) -> Value {
        match self.held {
            Held::Absent => Value::Nil,
            Held::Ref(value) => value.clone(),
            Held::Own(value) => value,
        }
    }

    /// The value for a function, where absent is nil.
    pub(crate) fn as_value(&self) -> &Value {
        self.get().unwrap_or(&Value::Nil)
    }
}
