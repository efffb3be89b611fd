use serde_json::json;

use super::*;

#[test]
fn json_with_positions() {
    assert_eq!(
        decode(br#"{"a":[1,-2,1.5,true,null,"x"]}"#, BodyType::Json).expect("json").value,
        json!({"a": [1, -2, 1.5, true, null, "x"]})
    );
    let e = decode(b"{\"a\":\n ?}", BodyType::Json).expect_err("malformed");
    assert!(e.contains("line 2"), "{e}");
    assert!(decode(b"", BodyType::Json).is_err());
    assert!(decode(b"{} x", BodyType::Json).is_err());
    assert!(decode(b"\xff", BodyType::Json).is_err());
}

#[test]
fn duplicates_are_found_at_any_depth() {
    let d = decode(br#"{"spec":{"a":1,"l":[{"b":1,"b":2}],"a":2},"kind":"X"}"#, BodyType::Json).expect("json");
    assert_eq!(d.duplicates, ["spec.l[0].b", "spec.a"]);
    assert_eq!(d.value["spec"]["a"], 2);
    let d = decode(b"a: 1\nb: {c: 1, c: 2}\n", BodyType::Yaml).expect("yaml");
    assert_eq!(d.duplicates, ["b.c"]);
}

#[test]
fn depth_is_bounded() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = open.repeat(100_000) + "1" + &close.repeat(100_000);
        assert!(decode(deep.as_bytes(), BodyType::Json).is_err());
        assert!(decode(deep.as_bytes(), BodyType::Yaml).is_err());
    }
}

#[test]
fn yaml_and_json_as_yaml() {
    let d = decode_yaml(b"apiVersion: v1\nkind: ConfigMap\ndata:\n  a: \"1\"\n  b: |\n    x\n    y\n").expect("yaml");
    assert_eq!(d.value, json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "1", "b": "x\ny\n"}}));
    assert_eq!(decode_yaml(b"{\"a\": 1}").expect("json").value, json!({"a": 1}));
    assert!(decode_yaml(b"a: .nan").is_err());
    assert!(decode_yaml(b"a: [").is_err());
}

#[test]
fn yaml_round_trip_keeps_strings_strings() {
    let value = json!({"a": "true", "b": "1", "c": "null", "d": "x: y", "e": ["- z", ""], "f": {"g": 1.5, "h": null}, "i": "1e3", "j": "0x10", "k": "line\nline\n"});
    let text = to_yaml(&value).expect("yaml");
    assert_eq!(decode_yaml(text.as_bytes()).expect("reads back").value, value, "{text}");
}
