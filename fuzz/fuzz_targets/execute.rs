//! Whatever parses ends within its limits, with Go's functions and Sprig's, over data of every kind.

#![no_main]

use std::sync::LazyLock;

use gotemplate::{ErrorKind, Funcs, Limits, Map, Number, Options, Struct, Template, Value};
use libfuzzer_sys::fuzz_target;

static OPTIONS: LazyLock<Options> = LazyLock::new(|| {
    let limits = Limits { output_bytes: 1 << 20, steps: 50_000, ..Limits::default() };
    Options::new().funcs(Funcs::sprig()).limits(limits)
});

static DATA: LazyLock<Value> = LazyLock::new(|| {
    let json = r#"{"n": 3, "f": 1.5, "s": "héllo", "e": "", "yes": true, "nil": null, "list": ["a", 1, null], "ints": [3, 1, 2],
        "none": [], "map": {"a": 1, "b": {"c": "d"}}, "big": 18446744073709551615}"#;
    let data: Value = serde_json::from_str(json).expect("this is JSON");
    let mut entries = match data {
        Value::Map(map) => map.entries(),
        _ => Vec::new(),
    };
    entries.push(("rec".into(), Struct::new("main.Rec").field("Name", "x").any_field("Any", 1).into()));
    entries.push(("i8".into(), Number::Int8(-1).into()));
    entries.push(("raw".into(), Value::from(&b"\xff\x00"[..])));
    Value::Map(Map::from_iter(entries))
});

fuzz_target!(|text: &[u8]| {
    let Ok(template) = Template::parse("t", text, &OPTIONS) else { return };
    let mut out = Vec::new();
    if let Err(error) = template.execute(&DATA, &mut out) {
        assert_ne!(error.kind(), ErrorKind::Write, "a vector takes everything");
    }
    assert!(out.len() <= 1 << 20, "the limit on output holds");
});
