//! The functions of oracle/funcs.go: what data can hold and what `funcs: test` puts into the function map.

use gotemplate::{Func, FuncError, Funcs, Type, Value};

const NAMES: [&str; 7] = ["add", "answer", "fail", "join", "nothing", "same", "show"];

/// A function set by the name that cases use.
pub(super) fn set(name: &str) -> Funcs {
    match name {
        "test" => NAMES.iter().fold(Funcs::new(), |set, name| set.with(*name, function(name))),
        "sprig" => Funcs::sprig(),
        _ => Funcs::new(),
    }
}

/// One of the functions.
pub(super) fn function(name: &str) -> Func {
    match name {
        "add" => {
            Func::new([Type::Int, Type::Int], |a| Ok(Value::Int(a.int(0).wrapping_add(a.int(1))))).returns(Type::Int)
        }
        "answer" => Func::new([], |_| Ok(Value::Int(42))).returns(Type::Int),
        "fail" => Func::new([Type::String], |a| Err(FuncError::from(String::from_utf8_lossy(a.bytes(0)).into_owned())))
            .returns(Type::String),
        "join" => Func::variadic([Type::String], Type::String, |a| {
            let parts: Vec<&[u8]> = (1..a.len()).map(|i| a.bytes(i)).collect();
            Ok(Value::string(parts.join(a.bytes(0))))
        })
        .returns(Type::String),
        "nothing" => Func::new([], |_| Ok(Value::Nil)),
        "same" => Func::new([Type::Any], |a| Ok(a[0].clone())),
        "show" => Func::variadic([], Type::Any, |a| {
            let list = Value::List(a.iter().cloned().collect());
            let shown = gotemplate::Template::new("show", "{{.}}").and_then(|t| t.render_bytes(&list));
            shown.map(Value::string).map_err(|e| FuncError::from(e.to_string()))
        })
        .returns(Type::String),
        _ => panic!("no function {name}"),
    }
}
