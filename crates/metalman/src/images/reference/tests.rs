use super::*;

const HEX: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn registry(text: &str) -> RegistryReference {
    match text.parse() {
        Ok(Reference::Registry(reference)) => reference,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn parts_of_a_reference() {
    for (text, host, repository, manifest) in [
        ("netboot", "registry-1.docker.io", "library/netboot", "latest"),
        ("rack/netboot:1", "registry-1.docker.io", "rack/netboot", "1"),
        ("index.docker.io/x", "registry-1.docker.io", "library/x", "latest"),
        ("localhost/x", "localhost", "x", "latest"),
        ("localhost:5000/a/b__c.d-e--f:V_1.2-x", "localhost:5000", "a/b__c.d-e--f", "V_1.2-x"),
        ("registry.example/x:1", "registry.example", "x", "1"),
        ("[::1]:5000/x", "[::1]:5000", "x", "latest"),
        ("oci:5000/x", "oci:5000", "x", "latest"),
    ] {
        let parsed = registry(text);
        assert_eq!(
            (parsed.host(), parsed.repository(), parsed.manifest().as_str()),
            (host, repository, manifest),
            "{text}"
        );
        assert_eq!(registry(&parsed.to_string()), {
            let mut same = parsed.clone();
            same.tag.get_or_insert_with(|| "latest".into());
            same
        });
    }
    let both = registry(&format!("r.example/x:1@sha256:{HEX}"));
    assert_eq!(both.manifest(), format!("sha256:{HEX}"), "the digest outranks the tag");
    assert_eq!(both.to_string(), format!("r.example/x:1@sha256:{HEX}"));
    assert!(Reference::Registry(both).is_pinned());
}

#[test]
fn layouts() {
    for (text, path, tag) in [
        ("oci:/srv/images", "/srv/images", None),
        ("oci:/srv/images:v1", "/srv/images", Some("v1")),
        ("oci:/srv/a:b/images", "/srv/a:b/images", None),
        ("oci:/srv/x@y:1", "/srv/x@y", Some("1")),
    ] {
        let Ok(Reference::Layout(parsed)) = text.parse() else { panic!("{text}") };
        assert_eq!((parsed.path.to_str(), parsed.tag.as_deref()), (Some(path), tag), "{text}");
        assert_eq!(parsed.to_string(), text);
    }
    let Ok(Reference::Layout(parsed)) = format!("oci:/srv/x:1@sha256:{HEX}").parse() else { panic!("a digest") };
    assert_eq!(parsed.digest.map(|d| d.hex().to_owned()).as_deref(), Some(HEX));
}

#[test]
fn refusals_name_the_part() {
    for (text, part) in [
        ("", "empty"),
        ("oci:relative", "must begin with /"),
        ("Upper/case", "repository \"Upper/case\""),
        ("r.example/", "repository \"\""),
        ("r.example/a//b", "repository \"a//b\""),
        ("r.example/a..b", "repository \"a..b\""),
        ("r.example/../b", "repository \"../b\""),
        ("r.example/a___b", "repository"),
        ("-r.example/a", "\"-r.example\""),
        ("r.example:99999/a", "host[:port]"),
        ("[::zz]:1/a", "host[:port]"),
        ("r.example/a:", "the tag \"\""),
        ("r.example/a:.x", "the tag \".x\""),
        ("r.example/a:b%2f", "the tag"),
        ("oci:/a:b?c", "the tag"),
    ] {
        let refusal = text.parse::<Reference>().expect_err(text).to_string();
        assert!(refusal.contains(part), "{text}: {refusal}");
    }
    let short = "r.example/a@sha256:12".parse::<Reference>().expect_err("short digest");
    assert!(matches!(short, ReferenceError::Digest { .. }), "{short:?}");
    let long = format!("r.example/{}", "a".repeat(250));
    assert!(long.parse::<Reference>().is_err());
}

proptest::proptest! {
    #[test]
    fn never_panics_and_round_trips(text in "\\PC{0,40}") {
        if let Ok(parsed) = text.parse::<Reference>() {
            let printed = parsed.to_string();
            proptest::prop_assert_eq!(printed.parse::<Reference>().map(|p| p.to_string()), Ok(printed));
        }
    }

    #[test]
    fn what_is_parsed_is_safe_in_a_url(text in "[a-z.:/@_-]{1,30}") {
        if let Ok(Reference::Registry(parsed)) = text.parse() {
            let safe = |s: &str| s.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-/:".contains(&b));
            proptest::prop_assert!(safe(parsed.repository()) && safe(&parsed.manifest()));
            proptest::prop_assert!(!parsed.repository().contains("..") && !parsed.manifest().contains('/'));
        }
    }
}
