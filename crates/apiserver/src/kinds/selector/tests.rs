use serde_json::json;

use super::*;
use crate::kinds::Registry;

fn parse_fields(text: &str, resource: &crate::kinds::Resource) -> Result<FieldSelector, ApiError> {
    let selector = FieldSelector::parse(text)?;
    selector.check(resource).map(|()| selector)
}

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

#[test]
fn label_selectors_match() {
    let x = labels(&[("app", "web"), ("n", "7"), ("in", "y"), ("empty", "")]);
    for (text, expected) in [
        ("", true),
        ("app=web", true),
        ("app==web", true),
        (" app = web , n=7", true),
        ("app!=web", false),
        ("other!=web", true),
        ("app in (db,web)", true),
        ("app notin (db, web)", false),
        ("other notin (a)", true),
        ("other in (a)", false),
        ("app", true),
        ("!app", false),
        ("!other", true),
        ("! other", true),
        ("n>6", true),
        ("n>7", false),
        ("n<8", true),
        ("app>1", false),
        ("in=y", true),
        ("in in (y)", true),
        ("app in (in,web)", true),
        ("empty=", true),
        ("empty in (,a)", true),
        ("empty=,app=web", true),
        ("app in (a,)", false),
    ] {
        assert_eq!(LabelSelector::parse(text).unwrap().matches(&x), expected, "{text}");
    }
}

#[test]
fn label_selector_errors() {
    for (text, expected) in [
        ("a=b,", "found '', expected: identifier after ','"),
        (",a", "found ',', expected: !, identifier, or 'end of string'"),
        ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        ("a in b", "unable to parse requirement: found 'b' expected: '('"),
        ("a in (b", "unable to parse requirement: found '', expected: ',' or ')'"),
        (
            "a in ()",
            "unable to parse requirement: values: Invalid value: []: for 'in', 'notin' operators, values set can't be \
             empty",
        ),
        (
            "a>x",
            "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must \
             be an integer",
        ),
        ("a=b=c", "found '=', expected: ',' or 'end of string'"),
        ("!a=b", "found '=', expected: ',' or 'end of string'"),
        ("a=(b)", "unable to parse requirement: found '(', expected: identifier"),
    ] {
        let e = LabelSelector::parse(text).unwrap_err();
        assert_eq!((e.code, e.message.as_str()), (400, expected), "{text}");
    }
    for bad in ["=x", "a in 1", "a=b c", "a/b/c", "!", "é=a", "a in (b,,", "<"] {
        assert_eq!(LabelSelector::parse(bad).unwrap_err().code, 400, "{bad}");
    }
    let e = LabelSelector::parse("a=-b").unwrap_err().message;
    assert!(e.starts_with("unable to parse requirement: values[0][a]: Invalid value: \"-b\": a valid label must be"));
    let e = LabelSelector::parse("-a").unwrap_err().message;
    assert!(e.starts_with("unable to parse requirement: <nil>: Invalid value: \"-a\": name part must consist of"));
}

#[test]
fn selector_objects() {
    let s = LabelSelector::from_object(&json!({
        "matchLabels": {"app": "web"},
        "matchExpressions": [{"key": "n", "operator": "In", "values": ["7", "8"]}, {"key": "x", "operator": "DoesNotExist"}],
    }))
    .unwrap();
    assert!(s.matches(&labels(&[("app", "web"), ("n", "7")])));
    assert!(!s.matches(&labels(&[("app", "web"), ("n", "7"), ("x", "")])));
    assert!(!s.matches(&labels(&[("app", "web")])));
    for bad in [
        json!({"matchExpressions": [{"key": "n", "operator": "Like"}]}),
        json!({"matchExpressions": [{"key": "n", "operator": "In"}]}),
        json!({"matchExpressions": [{"key": "n", "operator": "Exists", "values": ["a"]}]}),
        json!({"matchLabels": {"-": "a"}}),
    ] {
        LabelSelector::from_object(&bad).unwrap_err();
    }
}

#[test]
fn field_selectors() {
    let registry = Registry::new();
    let pods = registry.get("", "v1", "pods").unwrap();
    let pod = json!({
        "metadata": {"name": "a,b", "namespace": "x"}, "spec": {"nodeName": "n1"}, "status": {"phase": "Running"},
    });
    for (text, expected) in [
        ("", true),
        ("metadata.name=a\\,b", true),
        ("metadata.name==a\\,b,spec.nodeName=n1", true),
        ("metadata.namespace!=x", false),
        ("status.phase!=Pending,", true),
        ("status.nominatedNodeName=", true),
        ("spec.nodeName=n2", false),
    ] {
        assert_eq!(parse_fields(text, &pods).unwrap().matches(&pods, &pod), expected, "{text}");
    }
    for (text, expected) in [
        ("metadata.name", "invalid selector: 'metadata.name'; can't understand 'metadata.name'"),
        ("spec.containers=x", "field label not supported: spec.containers"),
        ("metadata.name=a\\x", "invalid field selector: invalid escape sequence: \\x"),
        ("metadata.name=a=b", "invalid field selector: unescaped character in value: ="),
    ] {
        let e = parse_fields(text, &pods).unwrap_err();
        assert_eq!((e.code, e.message.as_str()), (400, expected), "{text}");
    }
    let maps = registry.get("", "v1", "configmaps").unwrap();
    assert_eq!(
        parse_fields("data.a=b", &maps).unwrap_err().message,
        "\"data.a\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
    );
    let s = parse_fields("metadata.name=a,metadata.namespace!=b", &maps).unwrap();
    assert_eq!(s.matches_key("c", "a"), Some(true));
    assert_eq!(s.matches_key("b", "a"), Some(false));
    assert!(!s.reads_objects());
    assert_eq!((s.required("metadata.name"), s.required("metadata.namespace")), (Some("a"), None));
    let mut s = parse_fields("status.phase=x", &pods).unwrap();
    assert!(s.reads_objects());
    assert_eq!(s.matches_key("c", "a"), None);
    s.require("metadata.name", "b");
    assert_eq!(s.matches_key("c", "a"), Some(false), "the name decides alone");
    let nodes = registry.get("", "v1", "nodes").unwrap();
    parse_fields("metadata.namespace=x", &nodes).unwrap_err();
}

#[test]
fn field_values_unescape() {
    let s = FieldSelector::parse(r"a=b\,c,d==\=,e=\\,f!=g").unwrap();
    assert_eq!((s.required("a"), s.required("d"), s.required("e")), (Some("b,c"), Some("="), Some("\\")));
    assert_eq!(s.required("f"), None, "an inequality demands nothing");
    assert!(FieldSelector::parse("").unwrap().is_empty());
    for bad in ["a", r"a=\x", "a=b\\", "a=b=c", "a!b"] {
        assert_eq!(FieldSelector::parse(bad).unwrap_err().code, 400, "{bad}");
    }
}
