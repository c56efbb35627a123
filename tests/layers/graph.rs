//! The modules of a source directory, and the edges between them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use crate::paths;

/// The path of a module.
pub(crate) type Module = Vec<String>;

pub(crate) struct Graph {
    modules: BTreeSet<Module>,
    /// The modules of each edge, and the paths that use it.
    edges: BTreeMap<(Module, Module), BTreeSet<String>>,
}

/// One module uses another, by this path.
pub(crate) struct Edge<'a> {
    pub(crate) from: &'a Module,
    pub(crate) to: &'a Module,
    pub(crate) path: &'a str,
}

impl fmt::Display for Edge<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} uses {} ({})", self.from.join("/"), self.to.join("/"), self.path)
    }
}

impl Graph {
    /// The modules of a directory of the workspace.
    pub(crate) fn of(folder: &str) -> Self {
        Self::of_texts(texts_of(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)))
    }

    /// The modules of these files, by their paths in the directory.
    pub(crate) fn of_texts<N: AsRef<str>, S: AsRef<str>>(
        texts: impl IntoIterator<Item = (N, S)>,
    ) -> Self {
        let texts: BTreeMap<Module, String> = texts
            .into_iter()
            .map(|(name, text)| (module_of(name.as_ref()), paths::without_tests(text.as_ref())))
            .collect();
        let modules: BTreeSet<Module> = texts
            .keys()
            .flat_map(|module| (0..=module.len()).map(|n| module[..n].to_vec()))
            .collect();
        let mut exports = BTreeMap::new();
        let mut uses = Vec::new();
        for (module, text) in &texts {
            for path in paths::of(text) {
                let Some(name) = path.segments.last() else { continue };
                let name = name.rsplit(" as ").next().unwrap_or(name).to_owned();
                let target = absolute(module, &path.segments);
                if path.is_export {
                    exports.insert([module.clone(), vec![name]].concat(), target.clone());
                }
                uses.push((module.clone(), target, path.segments.join("::")));
            }
        }
        let mut edges = BTreeMap::new();
        for (from, target, path) in uses {
            let to = resolve(target, &exports, &modules);
            edges.entry((from, to)).or_insert_with(BTreeSet::new).insert(path);
        }
        Self { modules, edges }
    }

    pub(crate) fn edges(&self) -> Vec<Edge<'_>> {
        let paths =
            self.edges.iter().flat_map(|(ends, paths)| paths.iter().map(move |path| (ends, path)));
        paths.map(|((from, to), path)| Edge { from, to, path }).collect()
    }

    /// Whether the root has a module of this name.
    pub(crate) fn has_module(&self, name: &str) -> bool {
        self.modules.contains(&[name.to_owned()][..])
    }

    /// Every module with submodules.
    pub(crate) fn folders(&self) -> BTreeSet<Module> {
        self.modules
            .iter()
            .filter_map(|module| module.split_last())
            .map(|(_, up)| up.to_vec())
            .collect()
    }

    /// The cycles among the submodules of a module, as lists of names.
    pub(crate) fn cycles_in(&self, folder: &[String]) -> Vec<Vec<&str>> {
        let depth = folder.len();
        let mut uses: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (from, to) in self.edges.keys() {
            let inside = |module: &Module| module.starts_with(folder) && module.len() > depth;
            if inside(from) && inside(to) && from[depth] != to[depth] {
                uses.entry(&from[depth]).or_default().insert(&to[depth]);
            }
        }
        let reached = |from: &str| {
            let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
            while let Some(name) = open.pop() {
                for next in uses.get(name).into_iter().flatten() {
                    if seen.insert(*next) {
                        open.push(next);
                    }
                }
            }
            seen
        };
        let reached: BTreeMap<&str, BTreeSet<&str>> =
            uses.keys().map(|name| (*name, reached(name))).collect();
        let mut cycles = BTreeSet::new();
        for (name, all) in &reached {
            if all.contains(name) {
                let back =
                    |other: &&&str| reached.get(**other).is_some_and(|all| all.contains(name));
                cycles.insert(all.iter().filter(back).copied().collect::<Vec<_>>());
            }
        }
        cycles.into_iter().collect()
    }
}

/// The source files of a directory, by their paths in it, without those of tests.
pub(crate) fn texts_of(folder: &Path) -> Vec<(String, String)> {
    let mut texts = Vec::new();
    read(folder, folder, &mut texts);
    texts
}

fn read(root: &Path, folder: &Path, texts: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "tests" {
            read(root, &path, texts);
        } else if name.ends_with(".rs") && name != "tests.rs" {
            let relative = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
            texts.push((relative, std::fs::read_to_string(&path).unwrap()));
        }
    }
}

fn module_of(file: &str) -> Module {
    let mut names: Module = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if names == ["lib"] || names == ["main"] || names.last().is_some_and(|last| last == "mod") {
        names.pop();
    }
    names
}

/// The path from the root of the crate.
fn absolute(module: &Module, path: &[String]) -> Module {
    let mut base = if path[0] == "crate" { Vec::new() } else { module.clone() };
    let mut rest = path;
    while let Some((first, others)) = rest.split_first()
        && ["crate", "self", "super"].contains(&first.as_str())
    {
        if first == "super" {
            base.pop();
        }
        rest = others;
    }
    let rest = rest.iter().filter(|name| *name != "self");
    base.extend(rest.map(|name| name.split(" as ").next().unwrap_or(name).to_owned()));
    base
}

/// The module that defines an item, resolved through re-exports.
fn resolve(
    mut target: Module,
    exports: &BTreeMap<Module, Module>,
    modules: &BTreeSet<Module>,
) -> Module {
    for _ in 0..16 {
        if modules.contains(&target) {
            return target;
        }
        let exported = (1..=target.len()).rev().find(|n| exports.contains_key(&target[..*n]));
        let Some(n) = exported else { break };
        let next = [&exports[&target[..n]], &target[n..]].concat();
        if next == target {
            break;
        }
        target = next;
    }
    (0..=target.len())
        .rev()
        .map(|n| target[..n].to_vec())
        .find(|m| modules.contains(m))
        .unwrap_or_default()
}
