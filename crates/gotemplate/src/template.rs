//! A parsed template and the ones defined in it.

use std::fmt;
use std::io;
use std::sync::Arc;

use crate::error::{Error, ErrorKind};
use crate::exec::{Program, Trees, execute};
use crate::options::Options;
use crate::parse::node::Tree;
use crate::parse::{Names, is_empty, parse, print_root};
use crate::value::{Str, Value};

/// A parsed template, together with the templates that its text defines. Cheap to clone, safe to share.
///
/// ```
/// use gotemplate::{Map, Template, Value};
/// let template = Template::new("hello", r#"{{define "who"}}<{{.}}>{{end}}Hello {{template "who" .name}}!"#)?;
/// assert_eq!(template.render(&Value::from(Map::from_iter([("name", "n1")])))?, "Hello <n1>!");
/// # Ok::<(), gotemplate::Error>(())
/// ```
#[derive(Clone)]
pub struct Template(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    name: Str,
    /// What the first text gave. Go keeps it even where a further text defines its name anew.
    root: Arc<Tree>,
    trees: Trees,
    names: Names,
    options: Options,
}

impl Template {
    /// Parses a template with the default options.
    ///
    /// ```
    /// use gotemplate::{Template, Value};
    /// assert_eq!(Template::new("t", "{{1}}")?.render(&Value::Nil)?, "1");
    /// # Ok::<(), gotemplate::Error>(())
    /// ```
    pub fn new(name: &str, text: impl AsRef<[u8]>) -> Result<Self, Error> {
        Self::parse(name, text, &Options::new())
    }

    /// Parses a template. The text is bytes: what is outside of actions need not be UTF-8.
    ///
    /// ```
    /// use gotemplate::{Options, Template, Value};
    /// let latin1 = Template::parse("t", b"caf\xe9 {{.}}", &Options::new())?;
    /// assert_eq!(latin1.render_bytes(&Value::from("au lait"))?, b"caf\xe9 au lait");
    /// # Ok::<(), gotemplate::Error>(())
    /// ```
    pub fn parse(name: &str, text: impl AsRef<[u8]>, options: &Options) -> Result<Self, Error> {
        let mut names = Names::new();
        let trees = parse(name, text.as_ref(), options, &mut names)?;
        let name = Str::from(name);
        let root = match trees.get(&name) {
            Some(root) => Arc::clone(root),
            None => return Err(Error::nameless(ErrorKind::Parse, "text gave no template".to_owned())),
        };
        Ok(Self(Arc::new(Inner { name, root, trees, names, options: options.clone() })))
    }

    /// Parses another text into the same set, as Go does for the files of one set: what it defines replaces what is there, unless it is
    /// only white space. The text itself becomes the template `name`. What [`Template::execute`] starts with stays the first text.
    ///
    /// ```
    /// use gotemplate::{Template, Value};
    /// let mut t = Template::new("page", r#"{{template "title"}}!"#)?;
    /// t.add("title", "Boot")?;
    /// assert_eq!(t.render(&Value::Nil)?, "Boot!");
    /// # Ok::<(), gotemplate::Error>(())
    /// ```
    pub fn add(&mut self, name: &str, text: impl AsRef<[u8]>) -> Result<(), Error> {
        let inner = Arc::make_mut(&mut self.0);
        for (name, tree) in parse(name, text.as_ref(), &inner.options, &mut inner.names)? {
            if !is_empty(&tree.root, &tree.source) || !inner.trees.contains_key(&name) {
                inner.trees.insert(name, tree);
            }
        }
        Ok(())
    }

    /// Renders to a writer. After an error, part of the output may have been written.
    ///
    /// ```
    /// use gotemplate::{Template, Value};
    /// let mut out = Vec::new();
    /// Template::new("t", "a{{.}}")?.execute(&Value::Int(1), &mut out)?;
    /// assert_eq!(out, b"a1");
    /// # Ok::<(), gotemplate::Error>(())
    /// ```
    pub fn execute(&self, data: &Value, out: &mut dyn io::Write) -> Result<(), Error> {
        self.run(&self.0.root, data, out)
    }

    /// Renders one of the defined templates by its name.
    ///
    /// ```
    /// use gotemplate::{Template, Value};
    /// let t = Template::new("t", r#"{{define "part"}}<{{.}}>{{end}}"#)?;
    /// let mut out = Vec::new();
    /// t.execute_template("part", &Value::Int(1), &mut out)?;
    /// assert_eq!(out, b"<1>");
    /// assert!(t.execute_template("other", &Value::Nil, &mut out).is_err());
    /// # Ok::<(), gotemplate::Error>(())
    /// ```
    pub fn execute_template(&self, name: &str, data: &Value, out: &mut dyn io::Write) -> Result<(), Error> {
        let key = Str::from(name);
        if let Some(tree) = self.0.trees.get(&key) {
            return self.run(tree, data, out);
        }
        let quote = crate::gofmt::quote;
        let reason = format!("no template {} associated with template {}", quote(&key), quote(&self.0.name));
        Err(Error::nameless(ErrorKind::Exec, reason))
    }

    /// Renders to bytes, which are UTF-8 if template and data are and no character was cut.
    ///
    /// ```
    /// use gotemplate::{Template, Value};
    /// assert_eq!(Template::new("t", r#"{{slice "é" 0 1}}"#)?.render_bytes(&Value::Nil)?, b"\xc3");
    /// # Ok::<(), gotemplate::Error>(())
    /// ```
    pub fn render_bytes(&self, data: &Value) -> Result<Vec<u8>, Error> {
        let mut out = Vec::new();
        self.execute(data, &mut out)?;
        Ok(out)
    }

    /// Renders to text, with U+FFFD in the place of what is not UTF-8.
    ///
    /// ```
    /// use gotemplate::{Template, Value};
    /// assert_eq!(Template::new("t", "{{.}}")?.render(&Value::from("é"))?, "é");
    /// # Ok::<(), gotemplate::Error>(())
    /// ```
    pub fn render(&self, data: &Value) -> Result<String, Error> {
        Ok(String::from_utf8(self.render_bytes(data)?)
            .unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
    }

    /// The names of the templates in the set, in order.
    ///
    /// ```
    /// use gotemplate::Template;
    /// let t = Template::new("t", r#"{{define "a"}}{{end}}"#)?;
    /// assert_eq!(t.names().map(ToString::to_string).collect::<Vec<_>>(), ["a", "t"]);
    /// # Ok::<(), gotemplate::Error>(())
    /// ```
    pub fn names(&self) -> impl Iterator<Item = &Str> {
        self.0.trees.keys()
    }

    /// The template as its tree prints: every definition in a `define`, then the template itself. Parsed again, it gives the same (of
    /// one text; [`Template::add`] can make sets that no single text can).
    ///
    /// ```
    /// use gotemplate::Template;
    /// let t = Template::new("t", "a {{- /* no */ -}} {{ .x|len }}")?;
    /// assert_eq!(t.print(), b"a{{.x | len}}");
    /// # Ok::<(), gotemplate::Error>(())
    /// ```
    pub fn print(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (name, tree) in self.0.trees.iter().filter(|(name, _)| **name != self.0.name) {
            let (left, right) = (&tree.left, &tree.right);
            out.extend_from_slice(format!("{left}define {}{right}", crate::gofmt::quote(name)).as_bytes());
            print_root(tree, &mut out);
            crate::parse::print_end(tree, &mut out);
        }
        print_root(&self.0.root, &mut out);
        out
    }

    fn run(&self, tree: &Tree, data: &Value, out: &mut dyn io::Write) -> Result<(), Error> {
        let program = Program { trees: &self.0.trees, names: &self.0.names, options: &self.0.options };
        execute(program, tree, data, out)
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Template").field("name", &self.0.name).finish_non_exhaustive()
    }
}
