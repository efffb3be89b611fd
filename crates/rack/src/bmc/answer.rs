//! Answers of the service, and the error object with its extended information (DSP0266, "Error responses"). Pure.

use serde_json::{Value, json};

use super::profile::Refusal;

/// An HTTP answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Body,
}

/// Its body.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum Body {
    #[default]
    Empty,
    Json(Value),
    Xml(String),
}

impl Body {
    /// As it is sent.
    pub(super) fn bytes(&self) -> bytes::Bytes {
        match self {
            Self::Empty => bytes::Bytes::new(),
            Self::Json(value) => value.to_string().into(),
            Self::Xml(text) => text.clone().into(),
        }
    }

    /// Leaves of an error object what some BMCs say: the identifiers of messages.
    pub(super) fn keep_message_ids_only(&mut self) {
        let Self::Json(value) = self else { return };
        let Some(error) = value.get_mut("error").and_then(Value::as_object_mut) else { return };
        error.insert("message".to_owned(), "See @Message.ExtendedInfo for more information.".into());
        error.insert("code".to_owned(), "iLO.0.10.ExtendedInfo".into());
        let messages = error.get_mut("@Message.ExtendedInfo").and_then(Value::as_array_mut);
        for message in messages.into_iter().flatten().filter_map(Value::as_object_mut) {
            message.retain(|name, _| name == "MessageId" || name == "MessageArgs");
        }
    }

    /// Its media type.
    pub(super) const fn media_type(&self) -> Option<&'static str> {
        match self {
            Self::Empty => None,
            Self::Json(_) => Some("application/json; charset=utf-8"),
            Self::Xml(_) => Some("application/xml"),
        }
    }
}

impl Answer {
    pub(super) fn empty(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    pub(super) fn json(status: u16, value: Value) -> Self {
        Self { status, body: Body::Json(value), ..Self::default() }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// An error with one message. A message id without a registry is of the Base registry.
    pub(super) fn error(status: u16, id: &str, message: impl Into<String>) -> Self {
        Self::messages(status, id, message, "Critical")
    }

    /// An error that a profile words.
    pub(super) fn refusal(refusal: Refusal) -> Self {
        Self::error(refusal.status, refusal.id, refusal.message)
    }

    /// What some BMCs answer in place of nothing.
    pub(super) fn success() -> Self {
        Self::messages(200, "Success", "The request completed successfully.", "OK")
    }

    fn messages(status: u16, id: &str, message: impl Into<String>, severity: &str) -> Self {
        let id = if id.contains('.') { id.to_owned() } else { format!("Base.1.18.{id}") };
        let message = message.into();
        let resolution = if status < 300 { "None." } else { "See the message." };
        Self::json(
            status,
            json!({ "error": {
                "code": id,
                "message": message,
                "@Message.ExtendedInfo": [{
                    "@odata.type": "#Message.v1_2_1.Message",
                    "MessageId": id, "Message": message, "MessageArgs": [],
                    "MessageSeverity": severity, "Resolution": resolution,
                }],
            } }),
        )
    }

    /// 405 for a resource that takes these methods.
    pub(super) fn wrong_method(methods: &str) -> Self {
        Self::error(405, "OperationNotAllowed", "The HTTP method is not allowed on this resource.")
            .with("Allow", methods)
    }

    /// 404.
    pub(super) fn missing(path: &str) -> Self {
        Self::error(404, "ResourceMissingAtURI", format!("The resource at the URI '{path}' was not found."))
    }
}
