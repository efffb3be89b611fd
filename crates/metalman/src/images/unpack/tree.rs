//! The file system that the layers make, in memory.
//!
//! Each node remembers the layer that made it: a whiteout hides what is below its own layer, wherever in the layer it stands.

use std::collections::BTreeMap;

use metalman_core::netboot::{DISK, FileIndex, FileInfo};

use super::{Limits, UnpackError, paths::show};

/// Symbolic links followed in one resolution: what Linux allows.
const MOST_HOPS: usize = 40;

type Children = BTreeMap<String, Node>;

#[derive(Debug, Clone)]
struct Node {
    layer: u32,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Folder(Children),
    File(FileInfo),
    Link(String),
}

/// The tree. Paths begin at the image's root; only `disk` and below is ever put in.
#[derive(Debug, Default)]
pub(super) struct Tree {
    root: Children,
}

impl Tree {
    /// A folder; what it holds stays. All of these say whether the place can be reached.
    pub(super) fn folder(&mut self, path: &[String], layer: u32) -> bool {
        let Some((name, parents)) = path.split_last() else { return true };
        let Some(children) = self.open(parents, layer) else { return false };
        match children.get_mut(name) {
            Some(node) if matches!(node.kind, Kind::Folder(_)) => node.layer = layer,
            _ => drop(children.insert(name.clone(), Node { layer, kind: Kind::Folder(Children::new()) })),
        }
        true
    }

    pub(super) fn file(&mut self, path: &[String], info: FileInfo, layer: u32) -> bool {
        self.put(path, Kind::File(info), layer)
    }

    pub(super) fn link(&mut self, path: &[String], target: String, layer: u32) -> bool {
        self.put(path, Kind::Link(target), layer)
    }

    /// Whether a file may be put there: no file or link stands where a folder would have to.
    pub(super) fn may_hold(&self, path: &[String]) -> bool {
        let mut children = &self.root;
        for part in path.split_last().map_or(&[][..], |(_, parents)| parents) {
            match children.get(part).map(|node| &node.kind) {
                Some(Kind::Folder(inner)) => children = inner,
                Some(_) => return false,
                None => return true,
            }
        }
        true
    }

    /// A hard link: another name for a file (or a symbolic link), not for a folder.
    pub(super) fn copy(&mut self, from: &[String], to: &[String], layer: u32) -> bool {
        match self.get(from).map(|node| node.kind.clone()) {
            Some(kind @ (Kind::File(_) | Kind::Link(_))) => self.put(to, kind, layer),
            _ => false,
        }
    }

    /// Hides what lower layers put at that path.
    pub(super) fn hide(&mut self, path: &[String], layer: u32) {
        let Some((name, parents)) = path.split_last() else { return };
        if let Some(children) = self.find_mut(parents)
            && let Some(node) = children.get_mut(name)
            && !keep(node, layer)
        {
            children.remove(name);
        }
    }

    /// Hides what lower layers put into that folder.
    pub(super) fn make_opaque(&mut self, path: &[String], layer: u32) {
        if let Some(children) = self.find_mut(path) {
            children.retain(|_, node| keep(node, layer));
        }
    }

    /// The files by their path below `disk/`, symbolic links resolved as inside of the image.
    pub(super) fn index(&self, limits: &Limits) -> Result<FileIndex, UnpackError> {
        let mut walk = Walk { tree: self, limits, index: FileIndex::new(), visits: 0, names: 0 };
        if let Some(Kind::Folder(children)) = self.root.get(DISK).map(|node| &node.kind) {
            walk.folder(children, &mut vec![DISK.to_owned()], "", &mut Vec::new())?;
        }
        Ok(walk.index)
    }

    fn put(&mut self, path: &[String], kind: Kind, layer: u32) -> bool {
        let Some((name, parents)) = path.split_last() else { return false };
        let Some(children) = self.open(parents, layer) else { return false };
        children.insert(name.clone(), Node { layer, kind });
        true
    }

    fn get(&self, path: &[String]) -> Option<&Node> {
        let (name, parents) = path.split_last()?;
        let mut children = &self.root;
        for part in parents {
            let Kind::Folder(inner) = &children.get(part)?.kind else { return None };
            children = inner;
        }
        children.get(name)
    }

    fn find_mut(&mut self, path: &[String]) -> Option<&mut Children> {
        let mut children = &mut self.root;
        for part in path {
            let Kind::Folder(inner) = &mut children.get_mut(part)?.kind else { return None };
            children = inner;
        }
        Some(children)
    }

    /// The folder of that path, made with its parents; none if something else stands there.
    fn open(&mut self, path: &[String], layer: u32) -> Option<&mut Children> {
        let mut children = &mut self.root;
        for part in path {
            let node =
                children.entry(part.clone()).or_insert_with(|| Node { layer, kind: Kind::Folder(Children::new()) });
            let Kind::Folder(inner) = &mut node.kind else { return None };
            children = inner;
        }
        Some(children)
    }
}

/// Drops what is from below the layer; whether anything is left. Depth is bounded by the limits on paths.
fn keep(node: &mut Node, layer: u32) -> bool {
    if let Kind::Folder(children) = &mut node.kind {
        children.retain(|_, child| keep(child, layer));
        return node.layer >= layer || !children.is_empty();
    }
    node.layer >= layer
}

/// Where a symbolic link leads.
enum Resolved<'t> {
    File(&'t FileInfo),
    Folder(&'t Children, Vec<String>),
    /// Nowhere, or in circles: nothing to serve.
    Nothing,
    /// Out of `disk/`.
    Outside,
}

/// Walks the tree through its links.
struct Walk<'t> {
    tree: &'t Tree,
    limits: &'t Limits,
    index: FileIndex,
    visits: u64,
    names: usize,
}

impl<'t> Walk<'t> {
    /// Lists a folder. `real` is where it lies, `shown` the path that leads here, `above` the folders entered on it.
    fn folder(
        &mut self,
        children: &'t Children,
        real: &mut Vec<String>,
        shown: &str,
        above: &mut Vec<*const Children>,
    ) -> Result<(), UnpackError> {
        if above.len() > self.limits.depth {
            let limit = format!("{} folders", self.limits.depth);
            return Err(UnpackError::Limit { what: "a path is too deep", limit });
        }
        above.push(std::ptr::from_ref(children));
        for (name, node) in children {
            self.visits += 1;
            if self.visits > self.limits.entries {
                // Links to folders of links multiply without a single file.
                let limit = self.limits.entries.to_string();
                return Err(UnpackError::Limit { what: "links lead to too many names", limit });
            }
            let path = if shown.is_empty() { name.clone() } else { format!("{shown}/{name}") };
            match &node.kind {
                Kind::File(info) => self.file(path, info)?,
                Kind::Folder(inner) => {
                    real.push(name.clone());
                    self.folder(inner, real, &path, above)?;
                    real.pop();
                }
                Kind::Link(target) => match self.resolve(real, target) {
                    Resolved::File(info) => self.file(path, info)?,
                    // A link to a folder that it lies in would have no end.
                    Resolved::Folder(inner, mut at) if !above.contains(&std::ptr::from_ref(inner)) => {
                        self.folder(inner, &mut at, &path, above)?;
                    }
                    Resolved::Folder(..) | Resolved::Nothing => {}
                    Resolved::Outside => {
                        let (path, target) = (format!("{DISK}/{path}"), show(target.as_bytes()));
                        return Err(UnpackError::LinkEscapes { path: show(path.as_bytes()), target });
                    }
                },
            }
        }
        above.pop();
        Ok(())
    }

    fn file(&mut self, path: String, info: &FileInfo) -> Result<(), UnpackError> {
        if path.len() > self.limits.path {
            let limit = format!("{} bytes", self.limits.path);
            return Err(UnpackError::Limit { what: "a path is too long", limit });
        }
        if self.index.len() >= self.limits.files {
            return Err(UnpackError::Limit { what: "too many files", limit: self.limits.files.to_string() });
        }
        self.names += path.len();
        self.limits.check_names(self.names)?;
        self.index.insert(path, info.clone());
        Ok(())
    }

    /// Follows a link from the folder at `from`, as if the image's root were `/`.
    fn resolve(&self, from: &[String], target: &str) -> Resolved<'t> {
        let mut at: Vec<String> = if target.starts_with('/') { Vec::new() } else { from.to_vec() };
        let mut todo: Vec<String> = target.split('/').rev().map(str::to_owned).collect();
        let mut hops = 0;
        while let Some(part) = todo.pop() {
            match part.as_str() {
                "" | "." => continue,
                // Above the root is the root.
                ".." => {
                    at.pop();
                    continue;
                }
                _ => at.push(part),
            }
            if at.first().is_none_or(|first| first != DISK) {
                return Resolved::Outside;
            }
            match self.tree.get(&at).map(|node| &node.kind) {
                Some(Kind::Link(next)) => {
                    hops += 1;
                    if hops > MOST_HOPS {
                        return Resolved::Nothing;
                    }
                    at.pop();
                    if next.starts_with('/') {
                        at.clear();
                    }
                    todo.extend(next.split('/').rev().map(str::to_owned));
                }
                Some(Kind::File(info)) if todo.iter().all(|part| part.is_empty() || part == ".") => {
                    return Resolved::File(info);
                }
                Some(Kind::Folder(_)) => {}
                Some(Kind::File(_)) | None => return Resolved::Nothing,
            }
        }
        match self.tree.get(&at).map(|node| &node.kind) {
            Some(Kind::Folder(children)) => Resolved::Folder(children, at),
            _ => Resolved::Outside,
        }
    }
}
