use std::time::Duration;

use super::*;

fn shown(bytes: &[u8]) -> Vec<String> {
    let whole = Screen::default().feed(bytes);
    // Chunks of a stream may end anywhere.
    let mut screen = Screen::default();
    let split: Vec<_> = bytes.iter().flat_map(|byte| screen.feed(&[*byte])).collect();
    assert_eq!(whole, split);
    whole
}

#[test]
fn control_sequences_are_dropped() {
    assert_eq!(shown(b"\x1b[2J\x1b[01;01H\x1b[=3h\x1b[0m>>Start PXE over IPv4.\r\n\r\n"), [">>Start PXE over IPv4."]);
    assert_eq!(shown(b"\x1bcWelcome\x1b(B to\tGRUB!\r\n"), ["Welcome to\tGRUB!"]);
}

#[test]
fn progress_counts_as_it_stood_last() {
    assert_eq!(
        shown(b"\r  Downloading...1%\r  Downloading...100%\x1b[01;01HBdsDxe\r\n"),
        ["  Downloading...100%", "BdsDxe"]
    );
    assert_eq!(shown(b"abx\x08c\n"), ["abc"]);
}

#[test]
fn a_guest_without_newlines_stays_bounded() {
    let lines = shown(&[b'x'; 3 * LONGEST]);
    assert_eq!(lines.iter().map(String::len).collect::<Vec<_>>(), [LONGEST; 3]);
}

#[test]
fn waiting_ends_with_what_came_first() {
    let soon = || Instant::now() + Duration::from_secs(10);
    let console = Console::new(None, false).unwrap();
    console.follow(&b"one\nFAILED two\nthree\n/ # "[..]);
    let wait = |wanted: &'static str, fatal: &'static str| {
        console.wait(soon(), |line| line.contains(wanted), |line| line.contains(fatal))
    };
    assert!(matches!(wait("three", "four"), Seen::Wanted(line) if line == "three"));
    assert!(matches!(wait("three", "FAILED"), Seen::Fatal(line) if line == "FAILED two"));
    assert!(matches!(wait("four", "four"), Seen::Closed));
    assert_eq!(console.tail(2), "three\n/ #");
}

#[test]
fn an_unfinished_line_is_part_of_the_tail_and_waiting_has_an_end() {
    let (reader, mut writer) = io::pipe().unwrap();
    let console = Console::new(None, false).unwrap();
    console.follow(reader);
    writer.write_all(b"booting\ngrub> ").unwrap();
    assert!(matches!(
        console.wait(Instant::now() + Duration::from_secs(10), |l| l == "booting", |_| false),
        Seen::Wanted(_)
    ));
    assert!(matches!(
        console.wait(Instant::now() + Duration::from_millis(10), |l| l == "never", |_| false),
        Seen::Nothing
    ));
    assert!(console.tail(1).starts_with("booting"));
}
