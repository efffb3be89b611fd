//! Where Go reports an error, what it takes for a token, and how a tree prints.

use crate::{Options, Template};

fn printed(text: &str) -> String {
    match Template::parse("t", text, &Options::new()) {
        Ok(t) => String::from_utf8_lossy(&t.print()).into_owned(),
        Err(e) => e.to_string(),
    }
}

#[test]
fn trees_print_as_in_go() {
    for (text, want) in [
        ("{{  .a.b   |len }}", "{{.a.b | len}}"),
        ("{{$x:=1}}{{$x}}", "{{$x := 1}}{{$x}}"),
        ("{{range $i,$e:=.}}{{else}}x{{end}}", "{{range $i, $e := .}}{{else}}x{{end}}"),
        ("{{if 1}}a{{else if 2}}b{{end}}", "{{if 1}}a{{else}}{{if 2}}b{{end}}{{end}}"),
        ("{{(print 1).x.y}}", "{{(print 1).x.y}}"),
        ("{{template `a\tb` .}}", r#"{{template "a\tb" .}}"#),
        ("a \n{{- 1 -}}\n b", "a{{1}}b"),
        ("{{- /* c */ -}}", ""),
        (r#"{{define "a"}}x{{end}}y"#, r#"{{define "a"}}x{{end}}y"#),
    ] {
        assert_eq!(printed(text), want, "{text}");
    }
}

#[test]
fn text_before_an_action_stays_apart_from_it() {
    // Where Go's own printing would make a delimiter that was none.
    assert_eq!(printed("{ {{- 1}}"), "{ {{- 1}}");
    assert_eq!(printed("{ {{- /**/ -}} {1}}"), "{ {{- /**/}}{1}}");
}

#[test]
fn errors_of_parsing() {
    for (text, want) in [
        ("{{", "template: t:1: unclosed action"),
        ("{{\n1 +", "template: t:2: illegal number syntax: \"+\""),
        ("{{1,2}}", "template: t:1: unexpected \",\" in operand"),
        ("\n{{if}}", "template: t:2: missing value for if"),
        ("{{if 1}}", "template: t:1: unexpected EOF"),
        ("{{end}}", "template: t:1: unexpected {{end}}"),
        ("{{range 1}}{{else}}{{break}}{{end}}", "template: t:1: {{break}} outside {{range}}"),
        ("{{$x}}", "template: t:1: undefined variable \"$x\""),
        ("{{nope 1}}", "template: t:1: function \"nope\" not defined"),
        ("{{1 | 2}}", "template: t:1: non executable command in pipeline stage 2"),
        ("{{0x}}", "template: t:1: illegal number syntax: \"0x\""),
        ("{{99999999999999999999}}", "template: t:1: integer overflow: \"99999999999999999999\""),
        ("{{'ab'}}", "template: t:1: malformed character constant: 'ab'"),
        ("{{\"\\z\"}}", "template: t:1: invalid syntax"),
        ("{{/* }}", "template: t:1: unclosed comment"),
        ("{{.x@}}", "template: t:1: bad character U+0040 '@'"),
        (
            "{{define \"a\"}}x{{end}}{{define \"a\"}}y{{end}}",
            "template: t:1: template: multiple definition of template \"a\"",
        ),
    ] {
        assert_eq!(printed(text), want, "{text}");
    }
}

#[test]
fn constants_of_every_form() {
    for (text, want) in [
        ("0x_1F", "31"),
        ("0b101", "5"),
        ("0o17", "15"),
        ("017", "15"),
        ("1_000", "1000"),
        ("1e3", "1000"),
        ("0x1p4", "16"),
        ("0x1.8p-1", "0.75"),
        ("0x1p-1074", "5e-324"),
        ("0x1.fffffffffffff8p1023", "illegal number syntax: \"0x1.fffffffffffff8p1023\""),
        ("'\\n'", "10"),
        ("'é'", "233"),
        ("1i", "(0+1i)"),
        ("1+2i", "(1+2i)"),
        ("1e3-2e-3i", "(1000-0.002i)"),
        ("`a\\n`", "a\\n"),
        (r#""\u00e9\x41\101""#, "éAA"),
    ] {
        let rendered = Template::new("t", format!("{{{{{text}}}}}")).and_then(|t| t.render(&crate::Value::Nil));
        assert_eq!(rendered.unwrap_or_else(|e| e.reason().to_owned()), want, "{text}");
    }
}
