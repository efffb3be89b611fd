//! Templates parse, and render for a Machine.

use metalman_core::{
    api::Machine,
    netboot::{Architecture, TEMPLATE_SUFFIX},
    template::{Data, LARGEST, Request, Template, TemplateError},
};

use super::{Finding, sample};
use crate::netboot_image::content::Content;

/// What only templates would say.
const LOOKS_RENDERED: [&str; 5] = [".Machine", ".ServeURL", ".ApiserverURL", ".AgentConfigJSON", ".Lease"];
/// Reasons that no Machine can remedy, in Go's words: names that do not exist, and functions called wrongly.
const ALWAYS: [&str; 3] = ["can't evaluate field", "has no file", "wrong number of args"];

pub(super) fn check(content: &Content, findings: &mut Vec<Finding>) {
    for (path, info) in &content.files {
        let Some(served) = path.strip_suffix(TEMPLATE_SUFFIX) else {
            unrendered(content, path, findings);
            continue;
        };
        if content.files.contains_key(served) {
            let message = format!("hides {served:?}, which no machine ever gets; remove one of the two");
            findings.push(Finding::warning(path, message));
        }
        if served.is_empty() || served.ends_with('/') {
            findings.push(Finding::warning(path, "has no name without .tmpl, so no machine can ask for it"));
        }
        if let Some(text) = content.whole(path) {
            template(content, path, text, findings);
        } else {
            let message = format!("is a template of {} bytes; metalman renders at most {LARGEST}", info.size);
            findings.push(Finding::error(path, message));
        }
    }
}

fn template(content: &Content, path: &str, text: &[u8], findings: &mut Vec<Finding>) {
    let files = std::sync::Arc::new(content.files.clone());
    let template = match Template::parse(path, text, move |file: &str| files.get(file).cloned()) {
        Ok(template) => template,
        Err(error) => {
            let (place, reason) = split(path, &error);
            findings.push(Finding::error(path, reason).at(place));
            return;
        }
    };
    // The full Machine first: what fails with it is told once.
    let samples = [(sample::full(), None), (sample::sparse(), Some("for a Machine with the required fields only"))];
    for (machine, which) in samples {
        let Some(error) = render(&template, &machine) else { continue };
        let (place, reason) = split(path, &error);
        let certain = ALWAYS.iter().any(|words| reason.contains(words));
        let message = match which {
            Some(which) => format!("fails {which}: {reason}"),
            None => format!("does not render: {reason}"),
        };
        let finding = if certain { Finding::error(path, message) } else { Finding::warning(path, message) };
        findings.push(finding.at(place));
        return;
    }
}

/// Renders for each firmware that may ask, and for a client that announced none.
fn render(template: &Template, machine: &Machine) -> Option<TemplateError> {
    let (lease, site) = (sample::lease(), sample::site());
    let architectures = Architecture::ALL.into_iter().map(Some).chain([None]);
    architectures.into_iter().find_map(|architecture| {
        let request = Request { machine, lease: &lease, architecture, image_digest: sample::IMAGE_DIGEST, site: &site };
        template.render(&Data::new(&request)).err()
    })
}

/// The place, and what is wrong there. Go writes `name:line: reason` and `name:line:column: reason`, columns from 0.
fn split(path: &str, error: &TemplateError) -> (Option<(usize, Option<usize>)>, String) {
    let text = error.to_string();
    let Some(rest) = text.strip_prefix(path).and_then(|rest| rest.strip_prefix(':')) else { return (None, text) };
    let number = |text: &str| text.parse::<usize>().ok();
    let Some((line, rest)) = rest.split_once(':').and_then(|(line, rest)| Some((number(line)?, rest))) else {
        return (None, text);
    };
    match rest.split_once(':').and_then(|(column, rest)| Some((number(column)?, rest))) {
        Some((column, rest)) => (Some((line, Some(column + 1))), rest.trim_start().to_owned()),
        None => (Some((line, None)), rest.trim_start().to_owned()),
    }
}

/// Text that was meant to be rendered and is not called so.
fn unrendered(content: &Content, path: &str, findings: &mut Vec<Finding>) {
    let Some(text) = content.whole(path).and_then(|bytes| str::from_utf8(bytes).ok()) else { return };
    let found = text.lines().enumerate().find(|(_, line)| {
        let inside = line.split_once("{{").and_then(|(_, rest)| rest.split_once("}}")).map(|(inside, _)| inside);
        inside.is_some_and(|inside| LOOKS_RENDERED.iter().any(|name| inside.contains(name)))
    });
    if let Some((number, line)) = found {
        let column = line.find("{{").map(|at| at + 1);
        let message = format!("looks like a template, but is served as it is; call it {path}{TEMPLATE_SUFFIX}");
        findings.push(Finding::warning(path, message).at(Some((number + 1, column))));
    }
}
