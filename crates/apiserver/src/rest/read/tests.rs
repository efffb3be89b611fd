use super::*;

#[test]
fn continue_tokens_round_trip() {
    for revision in [None, Some(7)] {
        let token = Continue { revision, namespace: "ns".into(), name: "a-b.c".into() };
        assert_eq!(Continue::decode(&token.encode()).expect("own token"), token);
    }
}

#[test]
fn foreign_tokens_are_refused() {
    let other = |v: Value| BASE64_URL_SAFE_NO_PAD.encode(v.to_string());
    let wrong = [
        "x".to_owned(),
        "%%%".to_owned(),
        other(json!({})),
        other(json!({"v": 1, "rv": "1", "ns": "", "name": ""})),
        other(json!({"v": 1, "rv": 1, "ns": 1, "name": ""})),
        other(json!({"v": 2, "rv": 1, "ns": "", "name": ""})),
        other(json!([1])),
    ];
    for token in wrong {
        let e = Continue::decode(&token).expect_err(&token);
        assert_eq!(e.code, 400);
        assert!(e.message.contains("continue key is not valid"));
    }
}
