//! Field-level validation errors, worded as Kubernetes words them (`field.Error` in apimachinery), so that
//! `kubectl` and people recognise them.

use serde_json::{Value, json};

/// What is wrong with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FieldErrorKind {
    /// A required field is absent.
    Required,
    /// The value does not satisfy the rules.
    Invalid,
    /// The value is of the wrong JSON type.
    TypeInvalid,
    /// The value is not one of the supported ones.
    NotSupported,
    /// The value collides with another one in the same list or map.
    Duplicate,
    /// A string, or a collection, is longer than allowed.
    TooLong,
    /// A collection holds more items than allowed.
    TooMany,
    /// The field may not be set or changed.
    Forbidden,
    /// A referred value does not exist.
    NotFound,
    /// The server could not evaluate the field.
    Internal,
}

impl FieldErrorKind {
    /// The `reason` of a `StatusCause`.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Required => "FieldValueRequired",
            Self::Invalid => "FieldValueInvalid",
            Self::TypeInvalid => "FieldValueTypeInvalid",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Duplicate => "FieldValueDuplicate",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
            Self::Forbidden => "FieldValueForbidden",
            Self::NotFound => "FieldValueNotFound",
            Self::Internal => "InternalError",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Required => "Required value",
            Self::Invalid | Self::TypeInvalid => "Invalid value",
            Self::NotSupported => "Unsupported value",
            Self::Duplicate => "Duplicate value",
            Self::TooLong => "Too long",
            Self::TooMany => "Too many",
            Self::Forbidden => "Forbidden",
            Self::NotFound => "Not found",
            Self::Internal => "Internal error",
        }
    }
}

/// One fault of one field. `path` is the dotted path with `[index]` and `[key]`, e.g.
/// `spec.pxe.dhcpLeases[0].subnetMask`.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldError {
    /// What is wrong.
    pub kind: FieldErrorKind,
    /// Where.
    pub path: String,
    /// The offending value, shown for the kinds that show it.
    pub value: Value,
    /// Why, and what is expected.
    pub detail: String,
}

impl FieldError {
    /// A fault of `kind` at `path`.
    pub fn new(kind: FieldErrorKind, path: impl Into<String>, value: Value, detail: impl Into<String>) -> Self {
        Self { kind, path: path.into(), value, detail: detail.into() }
    }
    /// `path: Required value: detail`.
    pub fn required(path: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(FieldErrorKind::Required, path, Value::Null, detail)
    }
    /// `path: Invalid value: value: detail`.
    pub fn invalid(path: impl Into<String>, value: Value, detail: impl Into<String>) -> Self {
        Self::new(FieldErrorKind::Invalid, path, value, detail)
    }
    /// `path: Forbidden: detail`.
    pub fn forbidden(path: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(FieldErrorKind::Forbidden, path, Value::Null, detail)
    }
    /// `path: Unsupported value: value: supported values: …`.
    pub fn not_supported(path: impl Into<String>, value: Value, supported: &[&str]) -> Self {
        let list = supported.iter().map(|s| format!("{s:?}")).collect::<Vec<_>>().join(", ");
        Self::new(FieldErrorKind::NotSupported, path, value, format!("supported values: {list}"))
    }

    /// The error without its path, as it stands in `StatusCause.message`.
    pub fn body(&self) -> String {
        use FieldErrorKind as K;
        let words = self.kind.words();
        let head = match self.kind {
            K::Required | K::Forbidden | K::TooLong | K::TooMany | K::Internal => words.to_owned(),
            K::Invalid | K::TypeInvalid | K::NotSupported | K::Duplicate | K::NotFound => {
                match &self.value {
                    // The keys of an item that repeats another one: they are the message.
                    v @ Value::Object(_) if self.kind == K::Duplicate => format!("{words}: {v}"),
                    // Objects and lists are shown by their Go type name upstream; their content would drown the reason.
                    Value::Object(_) => format!("{words}: \"object\""),
                    Value::Array(_) => format!("{words}: \"array\""),
                    v => format!("{words}: {v}"),
                }
            }
        };
        if self.detail.is_empty() { head } else { format!("{head}: {}", self.detail) }
    }

    /// The `StatusCause` of this error.
    pub fn cause(&self) -> Value {
        json!({"reason": self.kind.reason(), "message": self.body(), "field": self.path})
    }
}

impl std::fmt::Display for FieldError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path, self.body())
    }
}
