use super::*;

#[test]
fn rules_accept_and_refuse() {
    let long = "a".repeat(254);
    let cases: &[(Rule, &[&str], &[&str])] = &[
        (dns1123_subdomain, &["a", "a.b-c.0"], &["", "A", "a..b", "-a", "a.", "a_b", &long]),
        (dns1123_label, &["a", "0a-b"], &["", "a.b", "a-", "Ä", &long[..64]]),
        (dns1035_label, &["a", "a0"], &["", "0a", "a.b"]),
        (path_segment, &["system:node", "a.b", ""], &[".", "..", "a/b", "a%b"]),
        (
            qualified_name,
            &["a", "A_b.c", "example.com/Name", "x/1"],
            &["", "a b", "é", "/x", "x/", "a/b/c", "EX.com/x", "-a", &long[..64]],
        ),
        (label_value, &["", "a", "A.b_c-1"], &["-", "-a", "a b", "a/b", "_a", &long[..64]]),
        (config_key, &["a", ".dockerconfigjson", "A_b"], &["", ".", "..", "..a", "a/b"]),
        (port_name, &["http", "a-1"], &["", "1", "A", "a--b", "-a", "abcdefghijklmnop"]),
        (env_var_name, &["A", "a.b c"], &["", "A=B", "Ä"]),
    ];
    for (i, (rule, good, bad)) in cases.iter().enumerate() {
        for s in *good {
            assert_eq!(rule(s), None, "rule {i}: {s:?}");
        }
        for s in *bad {
            assert!(rule(s).is_some(), "rule {i}: {s:?}");
        }
    }
}

#[test]
fn wording() {
    assert!(dns1123_subdomain("A_").unwrap().starts_with("a lowercase RFC 1123 subdomain must consist of lower case"));
    assert_eq!(dns1123_label(&"a".repeat(64)).unwrap(), "must be no more than 63 bytes");
    assert_eq!(path_segment("a/b").unwrap(), "may not contain '/'");
    assert_eq!(qualified_name("/x").unwrap(), "prefix part must be non-empty");
}
