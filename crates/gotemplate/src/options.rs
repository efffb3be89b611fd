//! What an embedder chooses: functions, delimiters, what a missing key means, and limits.

use crate::func::Funcs;

/// How a template is parsed and executed.
///
/// ```
/// use gotemplate::{Limits, MissingKey, Options, Template, Value};
/// let options = Options::new().delims("<<", ">>").missing_key(MissingKey::Zero).limits(Limits { steps: 100, ..Limits::default() });
/// assert_eq!(Template::parse("t", "<< 1 >> {{ 2 }}", &options)?.render(&Value::Nil)?, "1 {{ 2 }}");
/// # Ok::<(), gotemplate::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub(crate) funcs: Funcs,
    pub(crate) left: Option<Box<str>>,
    pub(crate) right: Option<Box<str>>,
    pub(crate) missing_key: MissingKey,
    pub(crate) limits: Limits,
}

impl Options {
    /// Go's defaults: predefined functions only, `{{` and `}}`, and `<no value>` for a missing key.
    pub fn new() -> Self {
        Self::default()
    }

    /// The functions that the template may call besides Go's predefined ones.
    pub fn funcs(mut self, funcs: Funcs) -> Self {
        self.funcs = funcs;
        self
    }

    /// Other delimiters; an empty one stands for the usual.
    pub fn delims(mut self, left: &str, right: &str) -> Self {
        self.left = (!left.is_empty()).then(|| left.into());
        self.right = (!right.is_empty()).then(|| right.into());
        self
    }

    /// What a key that a map lacks evaluates to.
    pub fn missing_key(mut self, missing_key: MissingKey) -> Self {
        self.missing_key = missing_key;
        self
    }

    /// What the template may use up.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

/// Go's `missingkey` option.
///
/// ```
/// use gotemplate::{MissingKey, Options, Template, Value, Map};
/// let options = Options::new().missing_key(MissingKey::Error);
/// let error = Template::parse("t", "{{.x}}", &options)?.render(&Value::from(Map::default())).unwrap_err();
/// assert_eq!(error.to_string(), r#"template: t:1:2: executing "t" at <.x>: map has no entry for key "x""#);
/// # Ok::<(), gotemplate::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingKey {
    /// No value, printed as `<no value>` (Go: `missingkey=default` or `invalid`).
    #[default]
    NoValue,
    /// The zero value of the map's element type (Go: `missingkey=zero`); of `interface {}`, that prints as `<no value>` as well.
    Zero,
    /// An error (Go: `missingkey=error`).
    Error,
}

/// What a template may use up; exceeding one is an [`ErrorKind::Limit`](crate::ErrorKind::Limit).
///
/// ```
/// use gotemplate::{ErrorKind, Limits, Options, Template, Value};
/// let options = Options::new().limits(Limits { output_bytes: 10, ..Limits::default() });
/// let error = Template::parse("t", "{{range 100}}abc{{end}}", &options)?.render(&Value::Nil).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Limit);
/// # Ok::<(), gotemplate::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of output, and of any single string on the way.
    pub output_bytes: usize,
    /// Nodes evaluated, plus one for every 64 bytes and every 8 elements that functions make.
    pub steps: u64,
    /// Nesting of control structures and parentheses in the source; 250 at most.
    pub depth: usize,
    /// Nesting of `template` calls; 200 at most. (Calls and what they are nested in count together as well, to 400.)
    pub recursion: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { output_bytes: 16 << 20, steps: 5_000_000, depth: 200, recursion: 100 }
    }
}
