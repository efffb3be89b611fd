use http::HeaderValue;

use super::*;

const NOW: i64 = 1_763_000_000;
/// 1994-11-06 08:49:37.
const MODIFIED: i64 = 784_111_777;
const SAME: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

fn outcome(method: &Method, fields: &[(&'static str, &str)]) -> Outcome {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, HeaderValue::from_str(value).expect("a field value"));
    }
    let validators = Validators { etag: Some("\"own\"".into()), modified: Some(MODIFIED) };
    evaluate(method, &headers, &validators, NOW)
}

#[test]
fn the_table_of_rfc_9110_section_13() {
    use Outcome::{Failed, NotModified, Proceed, ProceedWhole};
    let table: &[(&[(&'static str, &str)], Outcome)] = &[
        (&[], Proceed),
        (&[("if-match", "\"own\"")], Proceed),
        (&[("if-match", "\"other\", \"own\"")], Proceed),
        (&[("if-match", "*")], Proceed),
        (&[("if-match", "\"other\"")], Failed),
        // Strong comparison.
        (&[("if-match", "W/\"own\"")], Failed),
        (&[("if-unmodified-since", SAME)], Proceed),
        (&[("if-unmodified-since", AFTER)], Proceed),
        (&[("if-unmodified-since", BEFORE)], Failed),
        (&[("if-unmodified-since", "not a date")], Proceed),
        // If-Match goes before If-Unmodified-Since.
        (&[("if-match", "\"own\""), ("if-unmodified-since", BEFORE)], Proceed),
        (&[("if-none-match", "\"own\"")], NotModified),
        (&[("if-none-match", "W/\"own\"")], NotModified),
        (&[("if-none-match", "*")], NotModified),
        (&[("if-none-match", "\"other\"")], Proceed),
        (&[("if-none-match", "\"other\""), ("if-none-match", "\"own\"")], NotModified),
        (&[("if-modified-since", SAME)], NotModified),
        (&[("if-modified-since", AFTER)], NotModified),
        (&[("if-modified-since", BEFORE)], Proceed),
        (&[("if-modified-since", "not a date")], Proceed),
        // If-None-Match goes before If-Modified-Since.
        (&[("if-none-match", "\"other\""), ("if-modified-since", SAME)], Proceed),
        (&[("if-none-match", "\"own\""), ("if-modified-since", BEFORE)], NotModified),
        // The first group goes before the second.
        (&[("if-match", "\"other\""), ("if-none-match", "\"own\"")], Failed),
        (&[("if-range", "\"own\"")], Proceed),
        (&[("if-range", "\"other\"")], ProceedWhole),
        (&[("if-range", "W/\"own\"")], ProceedWhole),
        (&[("if-range", SAME)], Proceed),
        (&[("if-range", AFTER)], ProceedWhole),
        (&[("if-range", "nonsense")], ProceedWhole),
    ];
    for (fields, expected) in table {
        assert_eq!(outcome(&Method::GET, fields), *expected, "{fields:?}");
        let of_head = if *expected == Proceed { ProceedWhole } else { *expected };
        assert_eq!(outcome(&Method::HEAD, fields), of_head, "HEAD {fields:?}");
    }
}

#[test]
fn what_is_made_anew_matches_only_the_star() {
    let mut headers = HeaderMap::new();
    headers.insert("if-none-match", HeaderValue::from_static("\"own\""));
    headers.insert("if-modified-since", HeaderValue::from_static(AFTER));
    assert_eq!(evaluate(&Method::GET, &headers, &Validators::default(), NOW), Outcome::Proceed);
    headers.insert("if-match", HeaderValue::from_static("\"own\""));
    assert_eq!(evaluate(&Method::GET, &headers, &Validators::default(), NOW), Outcome::Failed);
}
