use super::*;

/// RFC 9110 section 5.6.7: the three forms of one date.
const EXAMPLE: i64 = 784_111_777;

#[test]
fn all_three_forms_are_read_and_the_first_is_written() {
    let now = 1_763_000_000;
    for text in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
        assert_eq!(parse(text, now), Some(EXAMPLE), "{text}");
    }
    assert_eq!(format(EXAMPLE).as_deref(), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
}

#[test]
fn what_is_no_date_is_none() {
    for text in
        ["", "yesterday", "Sun, 06 Nov 1994 08:49:37", "06 Nov 1994", "Sun, 99 Nov 1994 08:49:37 GMT", "\"etag\""]
    {
        assert_eq!(parse(text, 0), None, "{text}");
    }
}

#[test]
fn dates_survive_the_round_trip() {
    for seconds in [0, 1, 951_782_400, 1_763_000_000, 4_102_444_800] {
        assert_eq!(parse(&format(seconds).expect("a date"), 0), Some(seconds));
    }
}
