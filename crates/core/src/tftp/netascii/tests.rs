use proptest::prelude::*;

use super::*;

fn whole(content: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    Cursor::default().encode(content, usize::MAX, &mut encoded);
    encoded
}

#[test]
fn line_ends_become_telnets() {
    assert_eq!(whole(b"a\nb\r\n\r\0\n\n"), b"a\r\nb\r\0\r\n\r\0\0\r\n\r\n");
    assert_eq!(whole(b""), b"");
}

proptest! {
    #[test]
    fn blocks_join_to_the_whole(content in "[ab\r\n]{0,200}", blksize in 1usize..40) {
        let content = content.as_bytes();
        let (mut cursor, mut joined) = (Cursor::default(), Vec::new());
        loop {
            let before = joined.len();
            cursor.encode(content, blksize, &mut joined);
            let (next, length) = cursor.advance(content, blksize);
            prop_assert_eq!(joined.len() - before, length, "encoding and measuring agree");
            if length < blksize {
                break;
            }
            cursor = next;
        }
        prop_assert_eq!(joined, whole(content));
    }
}
