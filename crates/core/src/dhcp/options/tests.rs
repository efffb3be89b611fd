use super::*;

fn read(field: &[u8]) -> Vec<(u8, Vec<u8>)> {
    Options::read(field, &[], &[]).0.iter().map(|(code, value)| (code, value.to_vec())).collect()
}

#[test]
fn raw_and_in_order() {
    assert_eq!(
        read(&[0, 0, 53, 1, 1, 0, 200, 0, 12, 2, b'a', b'b', 255, 15, 1, b'x']),
        [(53, vec![1]), (200, vec![]), (12, b"ab".to_vec())]
    );
    assert_eq!(read(&[53, 1, 1]), [(53, vec![1])], "firmware that forgets the end");
}

#[test]
fn an_option_that_leads_past_the_field_costs_itself_only() {
    assert_eq!(read(&[53, 1, 1, 12, 9, b'a']), [(53, vec![1])]);
    assert_eq!(read(&[53, 1, 1, 12]), [(53, vec![1])]);
    let (options, _) = Options::read(&[52, 1, 1, 12, 200, b'a'], &[53, 1, 3], &[]);
    assert_eq!(options.get(53), Some(&[3][..]), "the other field is read all the same");
}

#[test]
fn pieces_are_joined_where_the_first_one_was() {
    assert_eq!(read(&[43, 2, 1, 2, 43, 1, 3, 12, 1, 9]), [(43, vec![1, 2, 3]), (12, vec![9])]);
    assert_eq!(read(&[43, 1, 1, 12, 1, 9, 43, 1, 2, 12, 1, 8]), [(43, vec![1, 2]), (12, vec![9, 8])]);
    let (options, overload) = Options::read(&[52, 1, 3, 43, 1, 1], &[43, 1, 2], &[43, 1, 3, 255]);
    assert_eq!(options.get(43), Some(&[1, 2, 3][..]), "options, file, sname (RFC 3396 section 5)");
    assert_eq!(overload, Overload { file: true, sname: true });
}

#[test]
fn the_most_pieces_that_a_datagram_holds_are_joined() {
    let field: Vec<u8> = (54..254).cycle().take(20_000).flat_map(|code| [code, 1, 7]).collect();
    let (options, _) = Options::read(&field, &[], &[]);
    assert_eq!(options.iter().count(), 200);
    assert!(options.iter().all(|(_, value)| value.len() == 100));
}

#[test]
fn pushing_keeps_the_first_and_none_of_the_encoding() {
    let mut options = Options::default();
    for code in [0, 255, 52, 12, 12] {
        options.push(code, b"x");
    }
    options.push(12, b"again");
    options.push(13, &vec![0; 70_000]);
    assert_eq!(options.iter().collect::<Vec<_>>(), [(12, &b"x"[..])]);
}
