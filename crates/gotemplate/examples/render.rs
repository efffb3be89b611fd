//! Renders a template over JSON data: `render --data DATA.json [--funcs sprig] TEMPLATE`.
//!
//! The exit code tells what failed: 2 if the template does not parse, 3 if it fails while it is executed, 1 for everything else.

#![allow(clippy::print_stderr, clippy::disallowed_methods, reason = "this is a program: it reads files and reports")]

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use gotemplate::{ErrorKind, Funcs, Options, Template, Value};

const USAGE: &str = "usage: render [--data DATA.json] [--funcs sprig] [--missingkey default|zero|error] TEMPLATE";

#[derive(Default)]
struct Arguments {
    data: Option<PathBuf>,
    options: Options,
    template: PathBuf,
}

fn main() -> ExitCode {
    let arguments = match arguments(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(problem) => {
            eprintln!("{problem}\n{USAGE}");
            return ExitCode::from(1);
        }
    };
    match render(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(match error.downcast_ref::<gotemplate::Error>().map(gotemplate::Error::kind) {
                Some(ErrorKind::Parse) => 2,
                Some(ErrorKind::Exec | ErrorKind::Limit) => 3,
                _ => 1,
            })
        }
    }
}

fn arguments(mut args: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut parsed = Arguments::default();
    let mut template = None;
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} needs a value"));
        match arg.as_str() {
            "--data" => parsed.data = Some(value()?.into()),
            "--funcs" => match value()?.as_str() {
                "sprig" => parsed.options = parsed.options.funcs(Funcs::sprig()),
                other => return Err(format!("there is no function set {other:?}")),
            },
            "--missingkey" => {
                parsed.options = parsed.options.missing_key(match value()?.as_str() {
                    "default" | "invalid" => gotemplate::MissingKey::NoValue,
                    "zero" => gotemplate::MissingKey::Zero,
                    "error" => gotemplate::MissingKey::Error,
                    other => return Err(format!("there is no missingkey {other:?}")),
                });
            }
            option if option.starts_with('-') => return Err(format!("there is no option {option}")),
            _ if template.is_some() => return Err("more than one template".to_owned()),
            _ => template = Some(PathBuf::from(&arg)),
        }
    }
    parsed.template = template.ok_or("no template")?;
    Ok(parsed)
}

fn render(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let text = read(&arguments.template)?;
    let data = match &arguments.data {
        Some(path) => serde_json::from_slice(&read(path)?).map_err(|e| format!("{}: {e}", path.display()))?,
        None => Value::Nil,
    };
    let name = arguments.template.file_name().unwrap_or_default().to_string_lossy();
    let template = Template::parse(&name, text, &arguments.options)?;
    let mut out = io::stdout().lock();
    template.execute(&data, &mut io::BufWriter::new(&mut out))?;
    out.flush()?;
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))
}
