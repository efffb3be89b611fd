//! Errors in one line, for a log or a person.

use std::error::Error;

/// The error and its causes, each once, the API server in its own words. The Display of some clients repeats their causes,
/// or prints structures.
pub fn explain(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let answer = answer(error);
        next = if answer.is_some() { None } else { error.source() };
        let own = answer.unwrap_or_else(|| error.to_string());
        if !text.contains(&own) {
            if !text.is_empty() {
                text += ": ";
            }
            text += &own;
        }
    }
    text
}

/// What the API server said, if the error is its answer.
fn answer(error: &(dyn Error + 'static)) -> Option<String> {
    let boxed = || error.downcast_ref::<Box<kube::Error>>().map(AsRef::as_ref);
    let kube::Error::Api(status) = error.downcast_ref::<kube::Error>().or_else(boxed)? else { return None };
    let reason = if status.reason.is_empty() { "no reason" } else { &status.reason };
    Some(format!("{} ({reason})", status.message))
}

#[cfg(test)]
mod tests;
