//! Names of field managers as clients give them.

use crate::{
    error::ApiError,
    field::{FieldError, FieldErrorKind},
};

/// Longest name, in bytes.
const MAX_NAME: usize = 128;

fn is_print(c: char) -> bool {
    c == ' ' || !(c.is_control() || c.is_whitespace())
}

/// Checks the query parameter `fieldManager`; an apply needs one. `options` is the kind of the request's options:
/// `CreateOptions`, `UpdateOptions`, `PatchOptions`.
pub fn check_field_manager(options: &str, name: Option<&str>, is_apply: bool) -> Result<(), ApiError> {
    const PATH: &str = "fieldManager";
    let name = name.unwrap_or_default();
    let error = if name.is_empty() {
        if !is_apply {
            return Ok(());
        }
        FieldError::required(PATH, "is required for apply patch")
    } else if name.len() > MAX_NAME {
        FieldError::new(FieldErrorKind::TooLong, PATH, name.into(), format!("may not be more than {MAX_NAME} bytes"))
    } else if !name.chars().all(is_print) {
        FieldError::invalid(PATH, name.into(), "should only contain printable characters")
    } else {
        return Ok(());
    };
    Err(ApiError::invalid("meta.k8s.io", options, "", &[error]))
}

/// The manager of a client that names none: what stands before the first `/` of its User-Agent.
pub fn manager_of_user_agent(user_agent: &str) -> String {
    let product = user_agent.split('/').next().unwrap_or_default();
    let mut name = String::new();
    for c in product.chars().filter(|c| is_print(*c)) {
        if name.len() + c.len_utf8() > MAX_NAME {
            break;
        }
        name.push(c);
    }
    name
}
