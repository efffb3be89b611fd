//! Sprig's names for boot templates: an optional function set, off unless given to [`Options::funcs`](crate::Options::funcs).
//!
//! Role: the functions of Masterminds/sprig 3.2.3 that configuration files use, with Helm's `toYaml` and `required`. Invariants: every
//! function depends on its arguments only (no environment, files, network, clock or dice); what one makes is bounded by the render's
//! limits; a Go panic inside a function (an index out of range, a division by zero) is the error that Go makes of it.
//!
//! Where this set is not Sprig: `keys` and `values` are in key order (Go's is random); `set`, `unset` change only maps that the template
//! made itself (`dict`, `fromJson`, `merge`, `deepCopy`), never the data; a nil slice is an empty one.

mod base64;
mod case;
mod coerce;
mod compare;
mod defaults;
mod dicts;
mod json;
mod json_parse;
mod lists;
mod numbers;
mod paths;
mod regex_syntax;
mod regexes;
mod sha256;
mod strings;
mod yaml;
mod yaml_scalar;

use crate::func::{Func, FuncError, Funcs};
use crate::value::{Type, Value};

/// The whole set.
///
/// ```
/// use gotemplate::{Options, Template, Value, sprig};
/// let options = Options::new().funcs(sprig::funcs());
/// let template = Template::parse("t", r#"{{list "a" "b" | join "," | upper | quote}}"#, &options)?;
/// assert_eq!(template.render(&Value::Nil)?, r#""A,B""#);
/// # Ok::<(), gotemplate::Error>(())
/// ```
pub fn funcs() -> Funcs {
    let families = [
        defaults::add,
        strings::add,
        numbers::add,
        lists::add,
        dicts::add,
        json::add,
        yaml::add,
        regexes::add,
        paths::add,
    ];
    families.iter().fold(Funcs::new(), |set, add| add(set))
}

type Answer = Result<Value, FuncError>;

/// A function from text to text.
fn text(f: impl Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static) -> Func {
    Func::new([Type::String], move |a| {
        a.check_size(a.bytes(0).len())?;
        Ok(Value::string(f(a.bytes(0))))
    })
    .returns(Type::String)
}

fn strings_list(items: impl IntoIterator<Item = Vec<u8>>) -> Value {
    Value::List(crate::value::List::of(Type::String, items.into_iter().map(Value::string).collect()))
}

/// What Go says of a method call on the type of nil.
const NIL_DEREFERENCE: &str = "runtime error: invalid memory address or nil pointer dereference";
