//! Rules of evaluation that are easy to get wrong: what nil is where, and where errors are reported.

use crate::{Func, Funcs, Map, MissingKey, Options, Template, Type, Value};

fn data() -> Value {
    Map::from_iter([("n", Value::Int(3)), ("null", Value::Nil), ("list", vec![1, 2].into()), ("s", "abc".into())])
        .into()
}

fn run(text: &str, options: &Options) -> String {
    Template::parse("t", text, options).and_then(|t| t.render(&data())).unwrap_or_else(|e| e.to_string())
}

fn check(options: &Options, cases: &[(&str, &str)]) {
    for (text, want) in cases {
        assert_eq!(run(text, options), *want, "{text}");
    }
}

#[test]
fn nil_and_nothing() {
    let at = |column: usize, action: &str, reason: &str| {
        format!("template: t:1:{column}: executing \"t\" at <{action}>: {reason}")
    };
    check(
        &Options::new(),
        &[
            ("{{.null}} {{.missing}} {{.missing.deeper}}", "<no value> <no value> <no value>"),
            ("{{print .null .missing nil}}", "<nil> <nil> <nil>"),
            ("{{html .missing}}", "&lt;no value&gt;"),
            ("{{.null.x}}", &at(7, ".null.x", "nil pointer evaluating interface {}.x")),
            ("{{len .null}}", &at(2, "len .null", "error calling len: len of nil pointer")),
            (
                "{{len .missing}}",
                &at(2, "len .missing", "error calling len: reflect: call of reflect.Value.Type on zero Value"),
            ),
            ("{{eq .null nil .missing}}", "true"),
            ("{{nil}}", &at(2, "nil", "nil is not a command")),
        ],
    );
}

#[test]
fn missing_keys() {
    check(&Options::new().missing_key(MissingKey::Zero), &[("{{.missing}}", "<no value>")]);
    check(
        &Options::new().missing_key(MissingKey::Error),
        &[("{{.missing}}", r#"template: t:1:2: executing "t" at <.missing>: map has no entry for key "missing""#)],
    );
}

#[test]
fn short_circuits_do_not_evaluate() {
    check(
        &Options::new(),
        &[
            ("{{and .missing (index .list 9)}}", "<no value>"),
            ("{{or .n (index .list 9)}}", "3"),
            ("{{.n | and 1}}", "3"),
        ],
    );
}

#[test]
fn control() {
    check(
        &Options::new(),
        &[
            ("{{range 3}}{{.}}{{end}}", "012"),
            ("{{range $i, $e := .list}}{{if $i}}{{continue}}{{end}}{{$e}}{{end}}", "1"),
            ("{{range .list}}{{break}}{{else}}none{{end}}.", "."),
            ("{{range .missing}}{{else}}none{{end}}", "none"),
            ("{{$x := 1}}{{if true}}{{$x = 2}}{{$x := 3}}{{end}}{{$x}}", "2"),
            ("{{with .missing}}{{else with .n}}{{.}}{{end}}", "3"),
            ("{{range $k, $v := .}}{{$k}} {{end}}", "list n null s "),
            (
                "{{range $i, $e := 3}}{{end}}",
                r#"template: t:1:18: executing "t" at <3>: can't use 3 to iterate over more than one variable"#,
            ),
        ],
    );
}

#[test]
fn arguments_are_checked_as_in_go() {
    let funcs = Funcs::new()
        .with("int", Func::new([Type::Int], |a| Ok(a.int(0).into())))
        .with("fail", Func::new([], |_| Err("why".into())));
    check(
        &Options::new().funcs(funcs),
        &[
            ("{{int .n}}{{.n | int}}", "33"),
            ("{{int .s}}", r#"template: t:1:6: executing "t" at <.s>: wrong type for value; expected int; got string"#),
            ("{{int \"a\"}}", r#"template: t:1:6: executing "t" at <"a">: expected integer; found "a""#),
            ("{{int nil}}", r#"template: t:1:6: executing "t" at <nil>: cannot assign nil to int"#),
            ("{{int .missing}}", r#"template: t:1:6: executing "t" at <.missing>: invalid value; expected int"#),
            ("{{int}}", r#"template: t:1:2: executing "t" at <int>: wrong number of args for int: want 1 got 0"#),
            ("{{fail}}", r#"template: t:1:2: executing "t" at <fail>: error calling fail: why"#),
            (
                "{{slice .s .n}}",
                r#"template: t:1:2: executing "t" at <slice .s .n>: error calling slice: cannot index slice/array with type interface {}"#,
            ),
        ],
    );
}

#[test]
fn functions_as_values() {
    let add = Func::new([Type::Int, Type::Int], |a| Ok((a.int(0) + a.int(1)).into())).returns(Type::Int);
    let data = Value::from(Map::from_iter([("add", Value::from(add))]));
    let run =
        |text: &str| Template::new("t", text).and_then(|t| t.render(&data)).unwrap_or_else(|e| e.reason().to_owned());
    assert_eq!(run("{{call .add 1 2}}"), "3");
    assert_eq!(run("{{call .add 1}}"), "error calling call: wrong number of args for .add: got 1 want 2");
    assert_eq!(run("{{.add}}"), "can't print {{.add}} of type func(int, int) int");
    assert_eq!(run("{{printf \"%T\" .add}}"), "func(int, int) int");
}

#[test]
fn a_failing_writer_is_reported() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let error =
        Template::new("t", "x").expect("parses").execute(&Value::Nil, &mut Full).expect_err("nothing can be written");
    assert_eq!(error.kind(), crate::ErrorKind::Write);
}
