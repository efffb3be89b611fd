//! What the golden corpus and the differential run share: cases as JSON, data with Go's types, the functions that data and
//! options can name, and how a case is rendered.
//!
//! Invariant: everything here says the same as the Go program in `oracle/` (value.go, funcs.go, evaluate.go); both sides build
//! their data from the same JSON.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "shared by a test and an example, each of which uses its part"
)]

mod data;
mod funcs;

use gotemplate::{ErrorKind, MissingKey, Options, Template, Value};
use serde::{Deserialize, Serialize};

pub use data::value;

/// One case, as a line of a golden file or of the oracle's input.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Case {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    pub template: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub template_hex: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<File>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub execute: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub dataset: String,
    pub data: serde_json::Value,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub missingkey: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub delims: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub funcs: String,
    #[serde(flatten, skip_serializing)]
    pub answer: Answer,
}

/// A further text of the case's template set.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct File {
    pub name: String,
    pub text: String,
}

/// What came of a case: output (also what was written before an error), or why it was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Answer {
    pub output: Option<String>,
    pub output_hex: String,
    pub parse_error: String,
    pub exec_error: String,
    /// A limit of this crate ended the rendering; Go has no such limits.
    #[serde(skip)]
    pub limited: bool,
}

impl Case {
    /// The template's bytes.
    pub fn text(&self) -> Vec<u8> {
        if self.template_hex.is_empty() { self.template.clone().into_bytes() } else { unhex(&self.template_hex) }
    }

    /// What this crate makes of the case.
    pub fn evaluate(&self, data: &Value) -> Answer {
        let mut options = Options::new().funcs(funcs::set(&self.funcs)).missing_key(match self.missingkey.as_str() {
            "zero" => MissingKey::Zero,
            "error" => MissingKey::Error,
            _ => MissingKey::NoValue,
        });
        if let [left, right] = self.delims.as_slice() {
            options = options.delims(left, right);
        }
        let parsed = Template::parse("t", self.text(), &options).and_then(|mut template| {
            for file in &self.files {
                template.add(&file.name, &file.text)?;
            }
            Ok(template)
        });
        let template = match parsed {
            Ok(template) => template,
            Err(error) => return Answer { parse_error: error.to_string(), ..Answer::default() },
        };
        let mut out = Vec::new();
        let result = if self.execute.is_empty() {
            template.execute(data, &mut out)
        } else {
            template.execute_template(&self.execute, data, &mut out)
        };
        let mut answer = Answer::default();
        if let Err(error) = result {
            answer.limited = error.kind() == ErrorKind::Limit;
            answer.exec_error = error.to_string();
        }
        match String::from_utf8(out) {
            Ok(text) => answer.output = Some(text),
            Err(error) => answer.output_hex = hex(error.as_bytes()),
        }
        answer
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut out, b| {
        let _ = write!(out, "{b:02x}");
        out
    })
}

pub fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).expect("a case's hex is hex")).collect()
}
