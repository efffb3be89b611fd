use super::*;
use crate::boot::fixture::{MAC, image};

const FIRMWARE: Option<Architecture> = Some(Architecture::X64Uefi);

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Which image a file asked for at that time comes from.
fn file(sessions: &Sessions, current: &Arc<Image>, now: Instant) -> String {
    sessions.file_at(MAC, Some(current), now).expect("an image").digest.clone()
}

#[test]
fn a_boot_ends_with_the_digest_it_began_with() {
    let (old, new) = (image("old", &[]), image("new", &[]));
    let (sessions, start) = (Sessions::default(), Instant::now());
    // The ROM asks twice, then fetches.
    sessions.began_at(MAC, FIRMWARE, &old, start);
    sessions.began_at(MAC, FIRMWARE, &old, start + seconds(4));
    assert_eq!(file(&sessions, &old, start + seconds(5)), "old");
    // The tag moves; iPXE follows the ROM, and the kernel asks for an address.
    sessions.began_at(MAC, FIRMWARE, &new, start + seconds(15));
    assert_eq!(file(&sessions, &new, start + seconds(16)), "old");
    sessions.began_at(MAC, None, &new, start + seconds(90));
    assert_eq!(file(&sessions, &new, start + seconds(95)), "old");
    // Long installations go on with it.
    assert_eq!(file(&sessions, &new, start + seconds(95) + IDLE), "old");
    // The machine is reset.
    sessions.began_at(MAC, FIRMWARE, &new, start + seconds(95 + 21) + IDLE);
    assert_eq!(file(&sessions, &new, start + seconds(95 + 25) + IDLE), "new");
}

#[test]
fn before_the_first_file_a_newer_image_is_offered() {
    let (old, new) = (image("old", &[]), image("new", &[]));
    let (sessions, start) = (Sessions::default(), Instant::now());
    sessions.began_at(MAC, FIRMWARE, &old, start);
    sessions.began_at(MAC, FIRMWARE, &new, start + seconds(1));
    assert_eq!(file(&sessions, &old, start + seconds(2)), "new");
}

#[test]
fn silence_ends_a_boot_and_frees_its_image() {
    let (old, new) = (image("old", &[]), image("new", &[]));
    let (sessions, start) = (Sessions::default(), Instant::now());
    assert_eq!(file(&sessions, &old, start), "old");
    assert_eq!(file(&sessions, &new, start + IDLE + seconds(1)), "new");
    assert_eq!(Arc::strong_count(&old), 1);
    sessions.expire_at(start + IDLE + seconds(1));
    assert_eq!((sessions.len(), Arc::strong_count(&new)), (1, 2));
    sessions.expire_at(start + IDLE * 2 + seconds(2));
    assert_eq!((sessions.len(), Arc::strong_count(&new)), (0, 1));
}

#[test]
fn without_a_boot_only_the_current_image_is_there() {
    let (sessions, now) = (Sessions::default(), Instant::now());
    assert!(sessions.file_at(MAC, None, now).is_none());
    let held = image("held", &[]);
    sessions.began_at(MAC, FIRMWARE, &held, now);
    assert_eq!(sessions.file_at(MAC, None, now).expect("pinned").digest, "held");
    assert_eq!(sessions.architecture(MAC), FIRMWARE);
    assert_eq!(sessions.architecture(MacAddr::new([1; 6])), None);
}

#[test]
fn memory_is_bounded() {
    let (held, start) = (image("held", &[]), Instant::now());
    let sessions = Sessions::default();
    for n in 0..u64::try_from(MOST).expect("small") + 10 {
        let [_, _, mac @ ..] = n.to_be_bytes();
        sessions.began_at(MacAddr::new(mac), FIRMWARE, &held, start + Duration::from_micros(n));
    }
    assert_eq!(sessions.len(), MOST);
    let [_, _, first @ ..] = 0_u64.to_be_bytes();
    assert!(sessions.file_at(MacAddr::new(first), None, start + seconds(1)).is_none(), "the oldest went");
}

#[test]
fn the_log_tells_of_each_file_once_in_a_boot() {
    let (sessions, now) = (Sessions::default(), Instant::now());
    assert!(!sessions.is_first(MAC, "a"), "no boot");
    let held = image("held", &[]);
    sessions.began_at(MAC, FIRMWARE, &held, now);
    assert!(sessions.is_first(MAC, "a") && !sessions.is_first(MAC, "a") && sessions.is_first(MAC, "b"));
    let more = (0..2 * TOLD).filter(|n| sessions.is_first(MAC, &n.to_string())).count();
    assert_eq!(more, TOLD - 2);
    sessions.began_at(MAC, FIRMWARE, &held, now + seconds(30));
    assert!(sessions.is_first(MAC, "a"));
}

#[test]
fn what_is_offered_is_what_the_boot_is_then_served_from() {
    let (old, new) = (image("old", &[]), image("new", &[]));
    let (sessions, start) = (Sessions::default(), Instant::now());
    let offered = |current: Option<&Arc<Image>>, after: u64| {
        let offered = sessions.offered_at(MAC, current, start + seconds(after));
        offered.map(|image| image.digest.clone())
    };
    assert_eq!(offered(None, 0), None);
    assert_eq!(offered(Some(&old), 0).as_deref(), Some("old"));
    sessions.began_at(MAC, FIRMWARE, &old, start);
    assert_eq!(file(&sessions, &old, start + seconds(1)), "old");
    // iPXE follows the ROM, and meanwhile the tag moved, or resolves to nothing that is here.
    assert_eq!(offered(Some(&new), 2).as_deref(), Some("old"));
    assert_eq!(offered(None, 2).as_deref(), Some("old"));
    // Looking changes nothing: the machine is reset long after its last file.
    assert_eq!(offered(Some(&new), 60).as_deref(), Some("new"));
    sessions.began_at(MAC, FIRMWARE, &new, start + seconds(60));
    assert_eq!(file(&sessions, &new, start + seconds(61)), "new");
}

#[test]
fn each_step_is_worth_writing_once_in_a_boot() {
    let (held, sessions, start) = (image("held", &[]), Sessions::default(), Instant::now());
    let asks = |client, after: u64| {
        sessions.began_at(MAC, FIRMWARE, &held, start + seconds(after));
        sessions.asks_at(MAC, client, start + seconds(after))
    };
    assert!(!sessions.reaches(MAC, Step::Kernel), "no boot");
    // DISCOVER, REQUEST and a repetition; then nothing is fetched for long.
    assert!(asks(BootClient::Pxe, 0) && !asks(BootClient::Pxe, 0) && !asks(BootClient::Pxe, 8));
    assert!(asks(BootClient::Pxe, 30) && !asks(BootClient::Pxe, 31));
    // The ROM fetches iPXE, which asks again, and fetches the kernel twice.
    file(&sessions, &held, start + seconds(32));
    assert!(sessions.reaches(MAC, Step::Bootloader) && !sessions.reaches(MAC, Step::Bootloader));
    assert!(!asks(BootClient::Ipxe, 33));
    file(&sessions, &held, start + seconds(34));
    assert!(sessions.reaches(MAC, Step::Kernel) && !sessions.reaches(MAC, Step::Kernel));
    assert!(!sessions.reaches(MAC, Step::Bootloader), "a file of the same boot");
    // The machine restarts, at once or later; iPXE in its ROM is known only by the silence before it.
    assert!(asks(BootClient::Http, 36) && sessions.reaches(MAC, Step::Bootloader));
    file(&sessions, &held, start + seconds(37));
    assert!(asks(BootClient::Ipxe, 60));
}
