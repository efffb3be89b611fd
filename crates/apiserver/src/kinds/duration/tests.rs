use super::*;

#[test]
fn spans() {
    const M: i64 = 60;
    const H: i64 = 60 * M;
    const D: i64 = 24 * H;
    const Y: i64 = 365 * D;
    for (seconds, expected) in [
        (-2, "<invalid>"),
        (-1, "0s"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (2 * M + 30, "2m30s"),
        (10 * M + 59, "10m"),
        (179 * M, "179m"),
        (3 * H, "3h"),
        (3 * H + M, "3h1m"),
        (8 * H + 59 * M, "8h"),
        (47 * H, "47h"),
        (2 * D, "2d"),
        (2 * D + 4 * H, "2d4h"),
        (8 * D + 5 * H, "8d"),
        (2 * Y - D, "729d"),
        (2 * Y, "2y"),
        (2 * Y + 3 * D, "2y3d"),
        (9 * Y, "9y"),
    ] {
        assert_eq!(human(seconds), expected, "{seconds}");
    }
}

#[test]
fn texts() {
    let now: Timestamp = "2026-01-01T00:01:00Z".parse().unwrap();
    assert_eq!(since_text("2026-01-01T00:00:00Z", now), "60s");
    assert_eq!(since_text("", now), "<unknown>");
    assert_eq!(since_text("yesterday", now), "<invalid>");
}
