//! What holds for every text: parsing never panics, a printed tree parses to itself, rendering within limits ends.

use gotemplate::{Funcs, Limits, Map, Options, Template, Value};
use proptest::prelude::*;

fn options() -> Options {
    let limits = Limits { output_bytes: 1 << 16, steps: 20_000, ..Limits::default() };
    Options::new().limits(limits).funcs(Funcs::new())
}

fn data() -> Value {
    let item = Map::from_iter([("name", Value::from("eth0")), ("mtu", Value::Int(1500)), ("none", Value::Nil)]);
    Value::from(Map::from_iter([
        ("a", Value::Int(1)),
        ("b", Value::from("<é>")),
        ("c", Value::from(vec![Value::from(item.clone()), Value::from(item), Value::Nil])),
        ("d", Value::Float(0.5)),
    ]))
}

/// Pieces of templates, so that what is put together of them often parses.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[ -~\n]{0,6}",
        1 => Just("{".to_owned()),
        1 => Just("}".to_owned()),
        2 => Just("{{- /* c */ -}}".to_owned()),
        6 => operand().prop_map(|o| format!("{{{{{o}}}}}")),
        3 => operand().prop_map(|o| format!("{{{{- {o} | printf \"%v\" -}}}}")),
        3 => operand().prop_map(|o| format!("{{{{$x := {o}}}}}{{{{$x}}}}")),
        3 => (operand(), "[a-z {]{0,4}").prop_map(|(o, t)| format!("{{{{if {o}}}}}{t}{{{{else if .a}}}}{{{{.d}}}}{{{{else}}}}{t}{{{{end}}}}")),
        3 => operand().prop_map(|o| format!("{{{{range $i, $e := {o}}}}}{{{{$i}}}}{{{{.name}}}}{{{{break}}}}{{{{else}}}}-{{{{end}}}}")),
        2 => operand().prop_map(|o| format!("{{{{with {o}}}}}{{{{.}}}}{{{{end}}}}")),
        1 => "[a-c]".prop_map(|n| format!("{{{{template \"{n}\" .}}}}")),
        1 => "[a-c]".prop_map(|n| format!("{{{{block \"{n}\" .a}}}}x{{{{end}}}}")),
        1 => Just("{{end}}".to_owned()),
        1 => Just("{{range .c}}".to_owned()),
    ]
}

fn operand() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "\\.[a-d]?",
        "\\.[a-d]\\.(name|mtu|none)",
        "-?[0-9]{1,3}",
        "0[xob][0-9a-f]{1,3}",
        "[0-9]\\.[0-9]e-?[0-9]",
        "\"[ -!#-\\[\\]-~]{0,4}\"",
        "'[a-z]'",
        Just("true".to_owned()),
        Just("nil".to_owned()),
        Just("$".to_owned()),
        Just("`raw`".to_owned()),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|o| format!("({o})")),
            inner.clone().prop_map(|o| format!("({o}).name")),
            (
                prop_oneof!["len", "not", "html", "print", "index", "eq", "and", "or", "lt", "slice"],
                inner.clone(),
                inner.clone()
            )
                .prop_map(|(f, a, b)| format!("({f} {a} {b})")),
            ("%[-+# 0]?[0-9]?[.]?[0-9]?[vTtbcdoOqxXUeEfFgGsp%]", inner)
                .prop_map(|(f, a)| format!("(printf {f:?} {a})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bytes_never_panic(text in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Template::parse("t", text, &options()).and_then(|t| t.render(&data()));
    }

    #[test]
    fn actions_never_panic(text in "(\\{\\{|\\}\\}|[-a-z0-9$.:=|(),'\"`\\\\ \n%/*_+é]{0,8}){0,20}") {
        let _ = Template::parse("t", text, &options()).and_then(|t| t.render(&data()));
    }

    #[test]
    fn printed_trees_parse_to_themselves(pieces in proptest::collection::vec(piece(), 0..12)) {
        if let Ok(template) = Template::parse("t", pieces.concat(), &options()) {
            let printed = template.print();
            let again = Template::parse("t", &printed, &options());
            let again = again.map_err(|e| TestCaseError::fail(format!("{e}: {}", String::from_utf8_lossy(&printed))))?;
            let reprinted = again.print();
            prop_assert_eq!(String::from_utf8_lossy(&reprinted), String::from_utf8_lossy(&printed));
            let render = |t: &Template| t.render(&data()).map_err(|e| e.reason().to_owned());
            prop_assert_eq!(render(&again), render(&template), "{}", String::from_utf8_lossy(&printed));
        }
    }

    #[test]
    fn formats_never_panic(format in "(%[-+# 0]{0,3}(\\*|[0-9]{0,8})?(\\.(\\*|[0-9]{0,8})?)?(\\[[0-9]{0,3}\\]?)?[a-zA-Z%é]?){0,4}", n in any::<i64>(), f in any::<f64>()) {
        let text = format!("{{{{printf {} .n .f .s .n}}}}", gotemplate::gofmt::quote(format.as_bytes()));
        let data = Value::from(Map::from_iter([("n", Value::Int(n)), ("f", Value::Float(f)), ("s", Value::from("é\n"))]));
        let _ = Template::parse("t", text, &options()).expect("a quoted format parses").render(&data);
    }

    #[test]
    fn floats_round_trip(f in any::<f64>().prop_filter("a number", |f| f.is_finite())) {
        for format in ["%v", "%g", "%.17e", "%x", "%b"] {
            let text = gotemplate::gofmt::sprintf(format.as_bytes(), &[f.into()]);
            let text = String::from_utf8(text).expect("ASCII");
            if format == "%b" {
                prop_assert!(text.contains('p'));
                continue;
            }
            let template = Template::new("t", format!("{{{{printf \"%v\" {text}}}}}")).expect("a number is a constant");
            let want = String::from_utf8(gotemplate::gofmt::sprint(&[f.into()])).expect("ASCII");
            let again = template.render(&Value::Nil).expect("renders");
            prop_assert_eq!(again.parse::<f64>().ok(), want.parse::<f64>().ok(), "{}", text);
        }
    }
}
