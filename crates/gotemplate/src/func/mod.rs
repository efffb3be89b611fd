//! Functions that templates call.
//!
//! Role: the description of a function's parameters, so that arity and types are checked (and wrongly given ones reported) as in Go,
//! and the set of functions a template may use. Invariant: a function sees arguments of its declared types only.

mod set;

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

pub use set::Funcs;

use crate::value::{Type, Value};

/// A function with Go's idea of its signature.
///
/// ```
/// use gotemplate::{Func, Funcs, Options, Template, Type, Value};
/// let greet = Func::new([Type::String], |args| Ok(format!("hello {}", String::from_utf8_lossy(args.bytes(0))).into()));
/// let options = Options::new().funcs(Funcs::new().with("greet", greet));
/// assert_eq!(Template::parse("t", r#"{{greet "you"}}"#, &options)?.render(&Value::Nil)?, "hello you");
/// let error = Template::parse("t", "{{greet}}", &options)?.render(&Value::Nil).unwrap_err();
/// assert!(error.to_string().ends_with("wrong number of args for greet: want 1 got 0"));
/// # Ok::<(), gotemplate::Error>(())
/// ```
#[derive(Clone)]
pub struct Func(Arc<Inner>);

type Body = dyn Fn(&Args<'_>) -> Result<Value, FuncError> + Send + Sync;

#[derive(Clone)]
struct Inner {
    params: Vec<Type>,
    variadic: Option<Type>,
    returns: Type,
    body: Arc<Body>,
}

impl Func {
    /// A function of fixed parameters.
    pub fn new(
        params: impl Into<Vec<Type>>,
        body: impl Fn(&Args<'_>) -> Result<Value, FuncError> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Inner { params: params.into(), variadic: None, returns: Type::Any, body: Arc::new(body) }))
    }

    /// A function of fixed parameters and then any number of arguments of type `rest`.
    ///
    /// ```
    /// use gotemplate::{Func, Type, Value};
    /// let count = Func::variadic([], Type::Any, |args| Ok(Value::Int(args.len() as i64)));
    /// assert_eq!(count.call(&[Value::Nil, Value::Nil]), Ok(Value::Int(2)));
    /// ```
    pub fn variadic(
        params: impl Into<Vec<Type>>,
        rest: Type,
        body: impl Fn(&Args<'_>) -> Result<Value, FuncError> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Inner { params: params.into(), variadic: Some(rest), returns: Type::Any, body: Arc::new(body) }))
    }

    /// Declares the result's type, which only `%T` and messages about the function itself show.
    pub fn returns(mut self, ty: Type) -> Self {
        Arc::make_mut(&mut self.0).returns = ty;
        self
    }

    /// Calls the function without checking the arguments against the parameters.
    pub fn call(&self, args: &[Value]) -> Result<Value, FuncError> {
        self.call_limited(args, usize::MAX)
    }

    pub(crate) fn call_limited(&self, args: &[Value], max_bytes: usize) -> Result<Value, FuncError> {
        (self.0.body)(&Args { values: args, max_bytes })
    }

    pub(crate) fn params(&self) -> &[Type] {
        &self.0.params
    }

    pub(crate) fn rest(&self) -> Option<&Type> {
        self.0.variadic.as_ref()
    }

    /// Whether the result's type is `interface {}`.
    pub(crate) fn returns_any(&self) -> bool {
        self.0.returns.is_interface()
    }

    /// Go's name of the type: `func(string, ...interface {}) int`.
    pub(crate) fn go_type(&self) -> Type {
        use fmt::Write as _;
        let mut name = "func(".to_owned();
        let mut separator = "";
        for param in &self.0.params {
            let _ = write!(name, "{separator}{param}");
            separator = ", ";
        }
        if let Some(rest) = &self.0.variadic {
            let _ = write!(name, "{separator}...{rest}");
        }
        let _ = write!(name, ") {}", self.0.returns);
        Type::Func(name.into())
    }
}

impl fmt::Debug for Func {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.go_type())
    }
}

/// Functions are equal if they are the same one.
impl PartialEq for Func {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// The arguments of a call, already of the types that the function declared. Dereferences to the values.
///
/// ```
/// use gotemplate::{Func, Type, Value};
/// let repeat = Func::new([Type::Int, Type::String], |args| {
///     let (n, s) = (usize::try_from(args.int(0)).unwrap_or(0), args.bytes(1));
///     args.check_size(n.saturating_mul(s.len()))?;
///     Ok(s.repeat(n).as_slice().into())
/// });
/// assert_eq!(repeat.call(&[2.into(), "ab".into()]), Ok("abab".into()));
/// ```
pub struct Args<'a> {
    values: &'a [Value],
    max_bytes: usize,
}

impl Args<'_> {
    /// The bytes of a string argument; empty if it is none.
    pub fn bytes(&self, index: usize) -> &[u8] {
        self.values.get(index).and_then(Value::as_bytes).unwrap_or_default()
    }

    /// An integer argument; zero if it is none.
    pub fn int(&self, index: usize) -> i64 {
        self.values.get(index).and_then(Value::as_i64).unwrap_or_default()
    }

    /// The size in bytes that a result may have at most.
    pub fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Refuses a result larger than the limits allow. To be asked before memory is taken for it.
    pub fn check_size(&self, bytes: usize) -> Result<(), FuncError> {
        if bytes > self.max_bytes { Err(FuncError::limit(self.max_bytes)) } else { Ok(()) }
    }
}

impl Deref for Args<'_> {
    type Target = [Value];
    fn deref(&self) -> &[Value] {
        self.values
    }
}

/// Why a function failed: the text that follows `error calling NAME: `.
///
/// ```
/// use gotemplate::FuncError;
/// assert_eq!(FuncError::from("no such thing").to_string(), "no such thing");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FuncError {
    reason: String,
    limit: bool,
}

impl FuncError {
    /// A result that would have been larger than the limit.
    pub fn limit(max_bytes: usize) -> Self {
        Self { reason: format!("result exceeds the limit of {max_bytes} bytes"), limit: true }
    }

    /// Another limit that was exceeded.
    pub(crate) fn limit_of(reason: String) -> Self {
        Self { reason, limit: true }
    }

    pub(crate) fn is_limit(&self) -> bool {
        self.limit
    }
}

impl fmt::Display for FuncError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for FuncError {}

impl From<String> for FuncError {
    fn from(reason: String) -> Self {
        Self { reason, limit: false }
    }
}

impl From<&str> for FuncError {
    fn from(reason: &str) -> Self {
        Self::from(reason.to_owned())
    }
}
