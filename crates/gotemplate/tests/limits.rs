//! What an untrusted template may use up: each limit ends in its own error, on a thread with a small stack.

use gotemplate::{ErrorKind, Func, Funcs, Limits, List, Map, Options, Template, Type, Value};

/// Runs on a stack of 2 MiB, which is what threads of a server have.
fn on_small_stack<R: Send + 'static>(f: impl FnOnce() -> R + Send + 'static) -> R {
    std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(f)
        .expect("a thread")
        .join()
        .expect("no overflow and no panic")
}

fn outcome(text: &str, data: &Value, limits: Limits) -> (ErrorKind, String) {
    let funcs = Funcs::new().with("wrap", Func::new([Type::Any], |a| Ok(List::from_iter([a[0].clone()]).into())));
    let funcs = funcs.with("inc", Func::new([Type::Any], |a| Ok(Value::Int(a[0].as_i64().unwrap_or(0) + 1))));
    let options = Options::new().limits(limits).funcs(funcs);
    let error = Template::parse("t", text, &options).and_then(|t| t.render(data)).expect_err("a limit is exceeded");
    (error.kind(), error.to_string())
}

fn limited(text: &str, limits: Limits) -> String {
    let (kind, message) = outcome(text, &Value::Nil, limits);
    assert_eq!(kind, ErrorKind::Limit, "{message}");
    message
}

#[test]
fn output() {
    let limits = Limits { output_bytes: 10, ..Limits::default() };
    assert!(limited("{{range 5}}abc{{end}}", limits).ends_with("output exceeds the limit of 10 bytes"));
    assert!(limited(r#"{{$x := print "abcdef" "ghijkl"}}"#, limits).contains("result exceeds the limit of 10 bytes"));
    assert!(limited(r#"{{printf "%20d" 1}}"#, limits).contains("result exceeds the limit of 10 bytes"));
    assert!(limited(r#"{{printf "%.20f" 1.0}}"#, limits).contains("result exceeds the limit of 10 bytes"));
    assert!(limited(r#"{{html "<<<<<<<<"}}"#, limits).contains("result exceeds the limit of 10 bytes"));
}

#[test]
fn output_counts_exactly() {
    let options = Options::new().limits(Limits { output_bytes: 10, ..Limits::default() });
    let t = Template::parse("t", "{{range 5}}ab{{end}}", &options).expect("parses");
    assert_eq!(t.render(&Value::Nil).expect("ten bytes are allowed"), "ababababab");
}

#[test]
fn steps() {
    let limits = Limits { steps: 1000, ..Limits::default() };
    assert!(limited("{{range 1000000000}}{{end}}", limits).contains("execution exceeds the limit of 1000 steps"));
    assert!(
        limited(r#"{{$x := "0123456789abcdef"}}{{range 20}}{{$x = print $x $x}}{{end}}"#, limits)
            .contains("execution exceeds the limit of 1000 steps")
    );
}

#[test]
fn depth_of_source() {
    on_small_stack(|| {
        let n = 100_000;
        for text in [
            format!("{{{{{}1{}}}}}", "(".repeat(n), ")".repeat(n)),
            format!("{}{}", "{{if 1}}".repeat(n), "{{end}}".repeat(n)),
            format!("{{{{if 0}}}}{}{{{{end}}}}", "{{else if 0}}".repeat(n)),
            format!("{}{}", "{{range 1}}".repeat(n), "{{end}}".repeat(n)),
            format!("{}{}", r#"{{block "a" 1}}"#.repeat(n), "{{end}}".repeat(n)),
        ] {
            let message = limited(&text, Limits::default());
            assert_eq!(message, "template: t:1: nesting exceeds the limit of 200");
            // Whatever an embedder asks for, the stack holds.
            let message = limited(&text, Limits { depth: usize::MAX, ..Limits::default() });
            assert!(message.contains("nesting exceeds the limit of 250"), "{message}");
        }
    });
}

#[test]
fn greatest_depth_renders() {
    on_small_stack(|| {
        let options = Options::new().limits(Limits { depth: 250, recursion: 200, ..Limits::default() });
        let n = 250;
        let parens = format!("{{{{{}1{}}}}}", "(".repeat(n), ")".repeat(n));
        let calls = format!("{{{{{}1{}}}}}", "(print ".repeat(n), ")".repeat(n));
        let with = format!("{}x{}", "{{with 1}}".repeat(n), "{{end}}".repeat(n));
        for (text, want) in [(parens, "1"), (calls, "1"), (with, "x")] {
            assert_eq!(
                Template::parse("t", text, &options).and_then(|t| t.render(&Value::Nil)).expect("renders"),
                want
            );
        }
    });
}

#[test]
fn recursion() {
    on_small_stack(|| {
        let limits = Limits { recursion: 3, ..Limits::default() };
        let message = limited(r#"{{template "t"}}"#, limits);
        assert!(message.ends_with("exceeded maximum template depth (3)"), "{message}");
        // Deep nesting in every call: the whole of it is bounded, not the calls alone.
        let nested = format!("{}{{{{template \"t\"}}}}{}", "{{if 1}}".repeat(200), "{{end}}".repeat(200));
        let limits = Limits { depth: usize::MAX, recursion: usize::MAX, ..Limits::default() };
        let message = limited(&nested, limits);
        assert!(message.ends_with("execution is nested deeper than 400"), "{message}");
        let parens = format!(
            r#"{{{{define "a"}}}}{{{{template "a" {}1{}}}}}{{{{end}}}}{{{{template "a"}}}}"#,
            "(".repeat(240),
            ")".repeat(240)
        );
        assert!(limited(&parens, limits).contains("nested deeper than 400"));
        // The largest frames there are: ranges around calls, and in the innermost, parentheses.
        let calls = format!(
            "{}{{{{{}1{}}}}}{}",
            "{{range 1}}".repeat(4),
            "(print ".repeat(240),
            ")".repeat(240),
            "{{end}}".repeat(4)
        );
        let ranges =
            format!("{{{{if eq . 75}}}}{calls}{{{{end}}}}{{{{range 1}}}}{{{{template \"t\" inc $}}}}{{{{end}}}}");
        limited(&ranges, limits);
    });
}

#[test]
fn values() {
    on_small_stack(|| {
        // A value nested a hundred thousand deep is dropped, but not printed.
        let deep = "{{$x := 1}}{{range 100000}}{{$x = wrap $x}}{{end}}";
        let message = limited(&format!("{deep}{{{{$x}}}}"), Limits::default());
        assert!(message.ends_with("value is nested deeper than 256"), "{message}");
        let (kind, message) = outcome(&format!("{deep}{{{{eq $x $x}}}}"), &Value::Nil, Limits::default());
        assert_eq!(kind, ErrorKind::Exec);
        assert!(message.contains("non-comparable type"), "{message}");
    });
}

#[test]
fn shared_maps_have_no_cycles() {
    let outer = Map::shared([("a", Value::Int(1))]);
    let inner = Value::from(vec![Value::from(outer.clone())]);
    assert!(outer.set("self", inner).is_err());
    assert_eq!(outer.len(), 1);
}
