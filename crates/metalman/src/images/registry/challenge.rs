//! `WWW-Authenticate` (RFC 9110 section 11.6.1): who a registry wants to know.

use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

/// One way to authenticate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Challenge {
    /// Lowercase.
    pub(super) scheme: String,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// A parameter; names are lowercase.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// All challenges of an answer.
pub(super) fn parse(headers: &HeaderMap) -> Vec<Challenge> {
    headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok()).flat_map(challenges).collect()
}

/// The challenges of one header. Both challenges and parameters are separated by commas: what has no equals sign after its
/// first word begins a challenge.
fn challenges(text: &str) -> Vec<Challenge> {
    let mut found: Vec<Challenge> = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let word = rest.len() - rest.trim_start_matches(is_token).len();
        if word == 0 {
            return found;
        }
        let (name, after) = rest.split_at(word);
        let after = after.trim_start();
        match (after.strip_prefix('='), found.last_mut()) {
            (Some(value), Some(challenge)) => {
                let (value, after) = take_value(value.trim_start());
                challenge.parameters.push((name.to_ascii_lowercase(), value));
                rest = after;
            }
            (Some(_), None) => return found,
            (None, _) => {
                found.push(Challenge { scheme: name.to_ascii_lowercase(), parameters: Vec::new() });
                rest = after;
            }
        }
    }
}

fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

fn take_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            c => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bearer_and_basic_in_one_header() {
        let text =
            r#"Bearer realm="https://auth.example/token",service="r,s",scope="repository:a\"b:pull", Basic realm=x"#;
        let found = challenges(text);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found[0].get("realm"), Some("https://auth.example/token"));
        assert_eq!(found[0].get("service"), Some("r,s"));
        assert_eq!(found[0].get("scope"), Some("repository:a\"b:pull"));
        assert_eq!((found[1].scheme.as_str(), found[1].get("realm")), ("basic", Some("x")));
    }

    proptest::proptest! {
        #[test]
        fn ends_on_anything(text in "\\PC{0,60}") {
            challenges(&text);
        }
    }
}
