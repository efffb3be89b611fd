//! Entity tags of resources that are changed (DSP0266, "ETags"; RFC 9110 sections 8.8.3 and 13.1.1).
//!
//! A service may demand `If-Match` (428 without it: AMI's `PreconditionHeaderMissing`) and must refuse a stale tag with 412. Some
//! refuse their own tag as they wrote it: a weak one never matches by RFC 9110, and others compare without the quotes. As 412
//! and 428 say that nothing was done, the forms are tried one after the other, and the one that worked is remembered.

use serde_json::Value;

/// How a tag is written into `If-Match`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Form {
    /// As the service wrote it.
    #[default]
    AsGiven,
    /// Without `W/`.
    Strong,
    /// Without `W/` and quotes.
    Bare,
    /// `*`: any version.
    Any,
    /// No header.
    Absent,
}

const FORMS: [Form; 5] = [Form::AsGiven, Form::Strong, Form::Bare, Form::Any, Form::Absent];

/// The tags of a resource: of the header, and of `@odata.etag` where that is another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tags(Vec<String>);

impl Tags {
    pub(super) fn of(header: Option<&str>, body: &Value) -> Self {
        let mut tags = Vec::new();
        for tag in [header, body.get("@odata.etag").and_then(Value::as_str)].into_iter().flatten() {
            let tag = tag.trim();
            if !tag.is_empty()
                && tag.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
                && !tags.iter().any(|t| t == tag)
            {
                tags.push(tag.to_owned());
            }
        }
        Self(tags)
    }

    /// What to send in `If-Match`, the most promising first; none is no header.
    pub(super) fn candidates(&self, first: Form) -> Vec<(Form, Option<String>)> {
        let mut found: Vec<(Form, Option<String>)> = Vec::new();
        // Without a tag nothing is promised about versions, and no header is what the standard expects.
        let first = if self.0.is_empty() && first != Form::Any { Form::Absent } else { first };
        for form in [first].into_iter().chain(FORMS) {
            let headers: Vec<Option<String>> = match form {
                Form::Absent => vec![None],
                Form::Any => vec![Some("*".into())],
                form => self.0.iter().map(|tag| Some(write(tag, form))).collect(),
            };
            for header in headers {
                if !found.iter().any(|(_, known)| *known == header) {
                    found.push((form, header));
                }
            }
        }
        found
    }
}

fn write(tag: &str, form: Form) -> String {
    let strong = tag.strip_prefix("W/").unwrap_or(tag);
    let bare = strong.trim_matches('"');
    match form {
        Form::Strong => format!("\"{bare}\""),
        Form::Bare => bare.to_owned(),
        _ => tag.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sent(header: Option<&str>, body: &Value, first: Form) -> Vec<String> {
        let tags = Tags::of(header, body);
        tags.candidates(first).into_iter().map(|(_, header)| header.unwrap_or("-".into())).collect()
    }

    #[test]
    fn tags_are_sent_as_given_first() {
        let none = json!({});
        assert_eq!(sent(Some("\"1\""), &none, Form::AsGiven), ["\"1\"", "1", "*", "-"]);
        assert_eq!(sent(Some("W/\"1\""), &none, Form::AsGiven), ["W/\"1\"", "\"1\"", "1", "*", "-"]);
        assert_eq!(sent(Some("1"), &none, Form::AsGiven), ["1", "\"1\"", "*", "-"]);
        assert_eq!(sent(None, &none, Form::AsGiven), ["-", "*"]);
        assert_eq!(sent(None, &json!({"@odata.etag": "W/\"a\""}), Form::AsGiven)[0], "W/\"a\"");
        let both = sent(Some("\"a\""), &json!({"@odata.etag": "\"b\""}), Form::AsGiven);
        assert_eq!(both[..2], ["\"a\"", "\"b\""]);
    }

    #[test]
    fn what_worked_comes_first() {
        assert_eq!(sent(Some("W/\"1\""), &json!({}), Form::Strong)[0], "\"1\"");
        assert_eq!(sent(Some("W/\"1\""), &json!({}), Form::Any)[0], "*");
        assert_eq!(sent(None, &json!({}), Form::Strong)[0], "-");
    }

    #[test]
    fn a_tag_cannot_smuggle_a_header() {
        assert_eq!(sent(Some("\"1\"\r\nX: y"), &json!({}), Form::AsGiven), ["-", "*"]);
    }
}
