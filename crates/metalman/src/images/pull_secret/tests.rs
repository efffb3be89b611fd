use serde_json::{Value, json};

use super::*;

fn reference(text: &str) -> RegistryReference {
    text.parse().unwrap()
}

fn data(key: &str, value: &Value) -> BTreeMap<String, ByteString> {
    BTreeMap::from([(key.to_owned(), ByteString(value.to_string().into_bytes()))])
}

fn user(auths: &Value, image: &str) -> Result<Option<String>, &'static str> {
    let found = credentials(&data(CONFIG_JSON, &json!({ "auths": auths })), &reference(image))?;
    Ok(found.map(|c| match c {
        Credentials::Password { username, password } => format!("{username}:{password}"),
        Credentials::Identity(token) => format!("identity {token}"),
        Credentials::Bearer(token) => format!("bearer {token}"),
    }))
}

#[test]
fn every_spelling_of_a_registry() {
    let auth = json!({ "username": "u", "password": "p" });
    for (key, image, found) in [
        ("registry.example", "registry.example/a/b", true),
        ("https://registry.example", "registry.example/a", true),
        ("https://registry.example/v1/", "registry.example/a", true),
        ("http://registry.example:5000/v2/", "registry.example:5000/a", true),
        ("registry.example", "registry.example:5000/a", false),
        ("https://index.docker.io/v1/", "netboot", true),
        ("docker.io", "rack/netboot", true),
        ("registry-1.docker.io", "rack/netboot", true),
        ("index.docker.io", "registry.example/a", false),
        ("registry.example/team", "registry.example/team/a", true),
        ("registry.example/team", "registry.example/teammate/a", false),
        ("*.example", "registry.example/a", true),
        ("reg*.example:5000", "registry.example:5000/a", true),
        ("*.example", "deep.registry.example/a", false),
        ("*", "registry.example/a", false),
    ] {
        let outcome = user(&json!({ key: auth }), image);
        assert_eq!(outcome, Ok(found.then(|| "u:p".to_owned())), "{key} {image}");
    }
}

#[test]
fn the_closest_entry_wins() {
    let of = |name: &str| json!({ "username": name, "password": "p" });
    let auths = json!({ "r.example": of("host"), "r.example/team": of("team"), "*.example": of("pattern") });
    assert_eq!(user(&auths, "r.example/team/a").unwrap().as_deref(), Some("team:p"));
    assert_eq!(user(&auths, "r.example/other").unwrap().as_deref(), Some("host:p"));
    assert_eq!(user(&auths, "s.example/other").unwrap().as_deref(), Some("pattern:p"));
}

#[test]
fn every_form_of_credentials() {
    let encoded = BASE64_STANDARD.encode("u:p:q");
    for (auth, expected) in [
        (json!({ "auth": encoded }), Ok("u:p:q")),
        (json!({ "auth": encoded, "username": "x", "password": "y" }), Ok("x:y")),
        (json!({ "identitytoken": "t", "username": "u" }), Ok("identity t")),
        (json!({ "registrytoken": "t" }), Ok("bearer t")),
        (json!({ "auth": "!!" }), Err("base64")),
        (json!({}), Err("no credentials")),
    ] {
        match (user(&json!({ "r.example": auth }), "r.example/a"), expected) {
            (Ok(Some(found)), Ok(expected)) => assert_eq!(found, expected),
            (Err(refusal), Err(words)) => assert!(refusal.contains(words), "{refusal}"),
            (outcome, _) => panic!("{auth}: {outcome:?}"),
        }
    }
    let old = data(CONFIG, &json!({ "r.example": { "auth": encoded } }));
    assert!(credentials(&old, &reference("r.example/a")).unwrap().is_some());
    assert!(credentials(&BTreeMap::new(), &reference("r.example/a")).unwrap_err().contains("kubectl create secret"));
}

#[test]
fn debug_tells_no_secret() {
    let secret = Credentials::Password { username: "user-x".into(), password: "pass-y".into() };
    let text =
        format!("{secret:?} {:?} {:?}", Credentials::Bearer("token-z".into()), Credentials::Identity("token-z".into()));
    assert!(!text.contains("user-x") && !text.contains("pass-y") && !text.contains("token-z"), "{text}");
}
