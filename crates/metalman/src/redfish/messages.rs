//! What a BMC says, in one line for people: `@Message.ExtendedInfo` (DSP0266, "Error responses").

use serde_json::Value;

/// Longest line.
const LONGEST: usize = 500;
/// How deep annotations are looked for.
const DEEPEST: usize = 4;

/// The messages of an answer.
#[derive(Debug, Default)]
pub(super) struct Messages<'a> {
    found: Vec<&'a Value>,
    fallback: Option<&'a str>,
}

impl<'a> Messages<'a> {
    pub(super) fn of(body: &'a Value) -> Self {
        let mut found = Vec::new();
        collect(body, DEEPEST, &mut found);
        let error = body.get("error").unwrap_or(body);
        let fallback = ["message", "Message", "code"].iter().find_map(|name| error.get(name)?.as_str());
        Self { found, fallback }
    }

    /// Whether a message with that key (the last part of its `MessageId`) is among them.
    pub(super) fn has(&self, key: &str) -> bool {
        self.keys().any(|found| found == key)
    }

    /// Whether any message is about that word: in its text, its arguments or its related properties.
    pub(super) fn mention(&self, word: &str) -> bool {
        self.found.iter().any(|message| message.to_string().contains(word))
            || self.found.is_empty() && self.fallback.is_some_and(|text| text.contains(word))
    }

    /// The BMC is busy with something that passes. The keys are of the registries Base (DSP8011) and, for POST, of HPE's iLO.
    pub(super) fn are_transient(&self) -> bool {
        self.keys().any(|key| {
            matches!(
                key,
                "ServiceTemporarilyUnavailable"
                    | "ServiceShuttingDown"
                    | "ServiceInUnknownState"
                    | "ResourceInUse"
                    | "ResourceInStandby"
                    | "UnableToModifyDuringSystemPOST"
                    | "OperationTimeout"
            )
        })
    }

    /// All sessions are taken. Dell has a key and a text of its own.
    pub(super) fn are_about_session_limit(&self) -> bool {
        self.keys().any(|key| matches!(key, "SessionLimitExceeded" | "CreateLimitReachedForResource" | "RAC0218"))
            || self.mention("maximum number of user sessions")
    }

    /// The credentials are wrong, whatever the status says: iLO tells it with 400.
    pub(super) fn are_about_credentials(&self) -> bool {
        self.keys().any(|key| {
            matches!(
                key,
                "UnauthorizedLoginAttempt" | "PasswordChangeRequired" | "NoValidSession" | "InvalidCredentials"
            )
        })
    }

    /// One line. Empty where the BMC says nothing.
    pub(super) fn line(&self) -> String {
        let mut parts: Vec<String> = Vec::new();
        for message in &self.found {
            let part = sentence(message);
            if !part.is_empty() && !parts.contains(&part) {
                parts.push(part);
            }
        }
        if parts.is_empty() {
            parts.extend(self.fallback.map(str::to_owned));
        }
        clean(&parts.join("; "))
    }

    fn keys(&self) -> impl Iterator<Item = &str> {
        self.found.iter().filter_map(|message| id(message)).map(|id| id.rsplit('.').next().unwrap_or(id))
    }
}

/// One line of printable text, not too long.
pub(super) fn clean(text: &str) -> String {
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
    let line = words.join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

fn collect<'a>(value: &'a Value, depth: usize, found: &mut Vec<&'a Value>) {
    let Some(object) = value.as_object().filter(|_| depth > 0) else { return };
    for (name, value) in object {
        // Of the whole answer, of one property (`Name@Message.ExtendedInfo`), of a Task, of iLO 4.
        if name.ends_with("@Message.ExtendedInfo") || name == "Messages" {
            match value {
                Value::Array(messages) => found.extend(messages.iter().filter(|m| m.is_object() || m.is_string())),
                Value::Object(_) => found.push(value),
                _ => {}
            }
        } else {
            collect(value, depth - 1, found);
        }
    }
}

fn id(message: &Value) -> Option<&str> {
    ["MessageId", "MessageID"].iter().find_map(|name| message.get(name)?.as_str())
}

fn sentence(message: &Value) -> String {
    let text = |name| message.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
    if let Some(text) = message.as_str() {
        return text.trim().to_owned();
    }
    let Some(what) = text("Message") else {
        let arguments: Vec<&str> = message
            .get("MessageArgs")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        return match (id(message), arguments.is_empty()) {
            (Some(id), true) => id.to_owned(),
            (Some(id), false) => format!("{id} ({})", arguments.join(", ")),
            (None, _) => String::new(),
        };
    };
    match text("Resolution").filter(|text| !text.trim_end_matches('.').eq_ignore_ascii_case("none")) {
        Some(resolution) => format!("{what} {resolution}"),
        None => what.to_owned(),
    }
}

#[cfg(test)]
mod tests;
