use super::*;

#[test]
fn messages_are_recognised() {
    let file = |path, digest| Subject::File { path, digest };
    let (here, there) = ("sha256:0123456789abcdef", "sha256:ffffffffffffffff");
    let message = format!("{}why", file("a/b.tmpl", here).prefix());
    assert_eq!(message, "netboot image sha256:0123456789ab: a/b.tmpl: why");
    for (subject, settles) in [
        (file("a/b.tmpl", here), true),
        (file("a/c.tmpl", here), false),
        (file("a/b", here), false),
        (file("a/c.tmpl", there), true),
        (Subject::UserData, false),
    ] {
        assert_eq!(subject.settles(&message), settles, "{subject:?}");
    }
    let message = format!("{}why", Subject::UserData.prefix());
    assert!(Subject::UserData.settles(&message) && !file("a", here).settles(&message));
    for foreign in ["", "power is out", "netboot image", "netboot images are fine"] {
        assert!(!Subject::UserData.settles(foreign) && !file("a", here).settles(foreign), "{foreign:?}");
    }
}

#[tokio::test]
async fn the_same_is_told_once_a_minute_and_memory_is_bounded() {
    let fixture = crate::boot::fixture::Fixture::new(&crate::boot::fixture::machine("10.0.0.11"));
    let (problems, start) = (&fixture.boot.problems, Instant::now());
    let is_news = |machine: &str, message: &str, now| problems.is_news(machine, "subject".into(), message, AGAIN, now);
    assert!(is_news("a", "x", start));
    assert!(!is_news("a", "x", start + AGAIN / 2));
    assert!(is_news("b", "x", start), "another Machine");
    assert!(is_news("a", "y", start + AGAIN / 2), "another message");
    assert!(is_news("a", "y", start + AGAIN * 2));
    let told = (0..2 * REMEMBERED).filter(|n| is_news(&n.to_string(), "x", start + AGAIN * 2)).count();
    assert!(told <= REMEMBERED, "{told}");
    assert!(is_news("later", "x", start + AGAIN * 4));
}
