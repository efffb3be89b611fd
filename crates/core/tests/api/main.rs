//! The Machine schema as an API server sees it.

mod schema;
mod support;
mod validation;
