use super::*;
use proptest::prelude::*;

#[test]
fn every_spelling_is_one_address() {
    let expected = MacAddr::new([0x0a, 0xbc, 0xde, 0xf0, 0x12, 0x34]);
    for text in ["0a:bc:de:f0:12:34", "0A:BC:DE:F0:12:34", "0a-bc-de-f0-12-34", "0A-bC-dE-F0-12-34"] {
        assert_eq!(text.parse::<MacAddr>().unwrap(), expected, "{text}");
    }
    assert_eq!(expected.to_string(), "0a:bc:de:f0:12:34");
    assert_eq!(expected.dashed_upper(), "0A-BC-DE-F0-12-34");
    assert_eq!(format!("{expected:>20}"), "   0a:bc:de:f0:12:34");
}

#[test]
fn refusals_quote_the_text() {
    for text in [
        "",
        "0a:bc:de:f0:12",
        "0a:bc:de:f0:12:34:56",
        "0a:bc-de:f0:12:34",
        "0abc.def0.1234",
        "0a:bc:de:f0:12:3g",
        "0a:bc:de:f0:12:+4",
        "0a.bc.de.f0.12.34",
        "日本語日本",
    ] {
        let error = text.parse::<MacAddr>().unwrap_err();
        assert_eq!(error.text, text);
        assert!(error.to_string().contains("aa:bb:cc:dd:ee:ff"));
    }
}

#[test]
fn group_and_zero_addresses_are_no_nic() {
    assert!("52:54:00:00:00:01".parse::<MacAddr>().unwrap().is_unicast());
    assert!(!"01:00:5e:00:00:01".parse::<MacAddr>().unwrap().is_unicast());
    assert!(!"ff:ff:ff:ff:ff:ff".parse::<MacAddr>().unwrap().is_unicast());
    assert!(!"00:00:00:00:00:00".parse::<MacAddr>().unwrap().is_unicast());
}

proptest! {
    #[test]
    fn display_and_dashes_parse_back(octets: [u8; 6]) {
        let mac = MacAddr::new(octets);
        prop_assert_eq!(mac.to_string().parse::<MacAddr>().unwrap(), mac);
        prop_assert_eq!(mac.dashed_upper().parse::<MacAddr>().unwrap(), mac);
        let json = serde_json::to_string(&mac).unwrap();
        prop_assert_eq!(serde_json::from_str::<MacAddr>(&json).unwrap(), mac);
    }

    #[test]
    fn parsing_never_panics(text in ".{0,40}") {
        let _ = text.parse::<MacAddr>();
    }
}
