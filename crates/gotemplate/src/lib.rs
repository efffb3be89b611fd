//! Go's `text/template` for Rust: the language that netboot images write their boot configuration in.
//!
//! An operator's existing template renders to the same bytes as under Go (1.24 and later), and fails with the same words. What an
//! untrusted template may use up is bounded by [`Limits`].
//!
//! ```
//! use gotemplate::{Template, Value};
//! let data = Value::from_serialize(&serde_json::json!({"name": "n1", "disks": ["sda", "sdb"]})).expect("JSON is always a value");
//! let template = Template::new("motd", r#"{{.name | printf "%-4s"}}|{{range $i, $d := .disks}}{{if $i}},{{end}}{{$d}}{{end}}"#)?;
//! assert_eq!(template.render(&data)?, "n1  |sda,sdb");
//! # Ok::<(), gotemplate::Error>(())
//! ```
//!
//! The way of a template: bytes → `parse` (a tree of positions into the source) → `exec` over [`Value`]s, formatted by
//! [`gofmt`]. Invariants: parse errors carry their position, an unbalanced block is an error and never a truncated output, execution is
//! bounded in output, time and stack, nothing panics; no async runtime, no clock, no global randomness.

mod error;
mod exec;
mod func;
pub mod gofmt;
mod options;
mod parse;
mod runes;
#[cfg(feature = "sprig")]
pub mod sprig;
mod template;
mod value;

pub use error::{Error, ErrorKind};
pub use func::{Args, Func, FuncError, Funcs};
pub use options::{Limits, MissingKey, Options};
pub use template::Template;
pub use value::{List, Map, Number, SerializeError, SetError, Str, Struct, Type, Value};
