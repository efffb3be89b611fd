//! Actions and control structures.

use super::node::{Branch, Call, Node, NodeKind};
use super::parser::{Item, Parsed, Parser};
use super::token::{Kind, Token};
use crate::value::Str;

/// What opens a control structure.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Control {
    If,
    With,
    Range,
}

impl Control {
    fn word(self) -> &'static str {
        match self {
            Self::If => "if",
            Self::With => "with",
            Self::Range => "range",
        }
    }

    fn node(self, pos: u32, branch: Branch) -> Node {
        let branch = Box::new(branch);
        let kind = match self {
            Self::If => NodeKind::If(branch),
            Self::With => NodeKind::With(branch),
            Self::Range => NodeKind::Range(branch),
        };
        Node { pos, kind }
    }
}

impl Parser<'_> {
    /// Text and actions up to an `end` or `else`, which is returned as well.
    pub(super) fn item_list(&mut self) -> Parsed<(Vec<Node>, Item)> {
        let mut list = Vec::new();
        while self.peek_non_space().kind != Kind::Eof {
            match self.text_or_action()? {
                Item::Node(node) => list.push(node),
                end => return Ok((list, end)),
            }
        }
        Err(self.error("unexpected EOF"))
    }

    pub(super) fn text_or_action(&mut self) -> Parsed<Item> {
        let token = self.next_non_space();
        match token.kind {
            Kind::Text => Ok(Item::Node(Node { pos: token.pos(), kind: NodeKind::Text(token.span()) })),
            Kind::LeftDelim => {
                self.scope.action_line = token.line();
                let item = self.action()?;
                self.scope.action_line = 0;
                Ok(item)
            }
            _ => Err(self.unexpected(token, "input")),
        }
    }

    /// An action, of which the left delimiter has been read.
    fn action(&mut self) -> Parsed<Item> {
        let token = self.next_non_space();
        match token.kind {
            Kind::Block => self.block(),
            Kind::Break => self.jump(token, "{{break}}", NodeKind::Break),
            Kind::Continue => self.jump(token, "{{continue}}", NodeKind::Continue),
            Kind::Else => self.otherwise(),
            Kind::End => self.expect(Kind::RightDelim, "end").map(|_| Item::End),
            Kind::If => self.control(Control::If).map(Item::Node),
            Kind::With => self.control(Control::With).map(Item::Node),
            Kind::Range => self.control(Control::Range).map(Item::Node),
            Kind::Template => self.template_call(),
            _ => {
                self.backup();
                let pos = self.peek().pos();
                let pipe = self.pipeline("command", Kind::RightDelim)?;
                Ok(Item::Node(Node { pos, kind: NodeKind::Action(Box::new(pipe.1)) }))
            }
        }
    }

    fn jump(&mut self, word: Token, shown: &str, kind: NodeKind) -> Parsed<Item> {
        let token = self.next_non_space();
        if token.kind != Kind::RightDelim {
            return Err(self.unexpected(token, shown));
        }
        if self.scope.range_depth == 0 {
            return Err(self.error(format!("{shown} outside {{{{range}}}}")));
        }
        Ok(Item::Node(Node { pos: word.pos(), kind }))
    }

    fn otherwise(&mut self) -> Parsed<Item> {
        let next = self.peek_non_space();
        // `else if` is read as an `else` that an `if` follows.
        if !matches!(next.kind, Kind::If | Kind::With) {
            self.expect(Kind::RightDelim, "else")?;
        }
        Ok(Item::Else)
    }

    fn control(&mut self, control: Control) -> Parsed<Node> {
        let declared = self.scope.vars.len();
        let node = self.deeper(|p| p.control_body(control))?;
        self.scope.vars.truncate(declared);
        Ok(node)
    }

    fn control_body(&mut self, control: Control) -> Parsed<Node> {
        let (pos, pipe) = self.pipeline(control.word(), Kind::RightDelim)?;
        let is_range = usize::from(control == Control::Range);
        self.scope.range_depth += is_range;
        let (list, end) = self.item_list()?;
        self.scope.range_depth -= is_range;
        let otherwise = if matches!(end, Item::Else) { Some(self.else_list(control)?) } else { None };
        let pipe = Node { pos, kind: NodeKind::Pipe(Box::new(pipe)) };
        Ok(control.node(pos, Branch { pipe, list, otherwise }))
    }

    fn else_list(&mut self, control: Control) -> Parsed<Vec<Node>> {
        // The `end` of an `else if` is the `end` of the whole chain.
        match (control, self.peek().kind) {
            (Control::If, Kind::If) | (Control::With, Kind::With) => {
                self.next();
                Ok(vec![self.control(control)?])
            }
            _ => {
                let (list, end) = self.item_list()?;
                if !matches!(end, Item::End) {
                    return Err(self.error(format!("expected end; found {}", self.describe_end(&end))));
                }
                Ok(list)
            }
        }
    }

    /// `block "name" pipeline`: a definition, and a call of it.
    fn block(&mut self) -> Parsed<Item> {
        let context = "block clause";
        let token = self.next_non_space();
        let name = self.template_name(token, context)?;
        let (pos, pipe) = self.pipeline(context, Kind::RightDelim)?;
        self.block_body(&name, context)?;
        let pipe = Node { pos, kind: NodeKind::Pipe(Box::new(pipe)) };
        Ok(call(token, name, Some(pipe)))
    }

    fn template_call(&mut self) -> Parsed<Item> {
        let context = "template clause";
        let token = self.next_non_space();
        let name = self.template_name(token, context)?;
        if self.next_non_space().kind == Kind::RightDelim {
            return Ok(call(token, name, None));
        }
        self.backup();
        let (pos, pipe) = self.pipeline(context, Kind::RightDelim)?;
        Ok(call(token, name, Some(Node { pos, kind: NodeKind::Pipe(Box::new(pipe)) })))
    }

    fn template_name(&mut self, token: Token, context: &str) -> Parsed<Str> {
        match token.kind {
            Kind::String | Kind::RawString => self.unquoted(token),
            _ => Err(self.unexpected(token, context)),
        }
    }
}

fn call(token: Token, name: Str, pipe: Option<Node>) -> Item {
    Item::Node(Node { pos: token.pos(), kind: NodeKind::Template(Box::new(Call { name, pipe })) })
}
