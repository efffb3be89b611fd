use proptest::prelude::*;

use super::*;

#[expect(clippy::single_range_in_vec_init, reason = "one piece")]
#[test]
fn examples_of_rfc_9110_section_14() {
    let pieces = |pieces: &[Range<u64>]| Asked::Pieces(pieces.to_vec());
    for (field, expected) in [
        ("bytes=0-499", pieces(&[0..500])),
        ("bytes=500-999", pieces(&[500..1000])),
        ("bytes=-500", pieces(&[9500..10000])),
        ("bytes=9500-", pieces(&[9500..10000])),
        ("bytes=0-0,-1", pieces(&[0..1, 9999..10000])),
        ("bytes= 0-999, 4500-5499, -1000", pieces(&[0..1000, 4500..5500, 9000..10000])),
        ("bytes=500-600,601-999", pieces(&[500..601, 601..1000])),
        ("bytes=500-700,601-999", pieces(&[500..701, 601..1000])),
        ("BYTES=0-0", pieces(&[0..1])),
        ("bytes=0-99999", pieces(&[0..10000])),
        ("bytes=-99999", pieces(&[0..10000])),
        ("bytes=,0-0,,", pieces(&[0..1])),
        ("bytes=10000-", Asked::Unsatisfiable),
        ("bytes=20000-30000", Asked::Unsatisfiable),
        ("bytes=-0", Asked::Unsatisfiable),
        ("bytes=99999999999999999999999-", Asked::Unsatisfiable),
        ("bytes=0-18446744073709551615", pieces(&[0..10000])),
        // One piece exists: the others are left out.
        ("bytes=0-0,20000-", pieces(&[0..1])),
        ("bytes=5-4", Asked::Whole),
        ("bytes=", Asked::Whole),
        ("bytes=-", Asked::Whole),
        ("bytes=a-b", Asked::Whole),
        ("bytes=+1-2", Asked::Whole),
        ("bytes=1 - 2", Asked::Whole),
        ("bytes=0-0;1-1", Asked::Whole),
        ("items=0-1", Asked::Whole),
        ("0-1", Asked::Whole),
        ("", Asked::Whole),
        // Overlaps that ask for more than there is.
        ("bytes=0-,0-", Asked::Whole),
    ] {
        assert_eq!(parse(field, 10_000), expected, "{field:?}");
    }
}

#[test]
fn many_pieces_are_ignored() {
    let field =
        |count: usize| format!("bytes={}", (0..count).map(|i| format!("{i}-{i}")).collect::<Vec<_>>().join(","));
    assert!(matches!(parse(&field(MOST), 10_000), Asked::Pieces(pieces) if pieces.len() == MOST));
    assert_eq!(parse(&field(MOST + 1), 10_000), Asked::Whole);
}

#[test]
fn nothing_of_an_empty_file_exists() {
    for field in ["bytes=0-", "bytes=0-0", "bytes=-1"] {
        assert_eq!(parse(field, 0), Asked::Unsatisfiable, "{field}");
    }
}

proptest! {
    #[test]
    fn pieces_are_within(field in "(bytes=)?[0-9,\\- ]{0,40}", length in 0_u64..100_000) {
        if let Asked::Pieces(pieces) = parse(&field, length) {
            prop_assert!(!pieces.is_empty() && pieces.len() <= MOST);
            prop_assert!(pieces.iter().all(|piece| piece.start < piece.end && piece.end <= length));
            if pieces.len() > 1 {
                prop_assert!(pieces.iter().map(|piece| piece.end - piece.start).sum::<u64>() <= length);
            }
        }
    }

    #[test]
    fn anything_is_taken_without_panic(field in ".{0,60}", length: u64) {
        parse(&field, length);
    }
}
