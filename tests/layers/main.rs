//! The layers of the packages: a module uses only layers below its own, and modules have no cycles.
//!
//! Checked on the `use` lines and the paths in the source text. Test modules are ignored: they may use anything.

mod graph;
mod paths;

use std::collections::BTreeSet;
use std::path::Path;

use graph::Graph;

/// A package: the directory of its sources, and its layers.
struct Package {
    sources: &'static str,
    /// From the bottom up, each with the layers that it may use. `docs/design.md` has the same tables.
    layers: &'static [(&'static str, &'static [&'static str])],
}

const LIBRARY: Package = Package {
    sources: "src",
    layers: &[
        ("model", &[]),
        ("state", &["model"]),
        ("journal contract", &["model"]),
        ("journal codec", &["model"]),
        ("feed", &["model", "state", "journal contract"]),
        ("journal memory", &["model", "journal contract"]),
        ("journal file", &["model", "journal contract", "journal codec"]),
        (
            "journal tools",
            &["model", "journal contract", "journal codec", "journal file", "state", "feed"],
        ),
        ("owner", &["model", "state", "journal contract", "feed"]),
        ("store", &["model", "state", "journal contract", "feed", "owner"]),
    ],
};

const HTTP: Package = Package {
    sources: "crates/http/src",
    layers: &[
        ("auth", &[]),
        ("protocol", &["auth"]),
        ("client", &["auth", "protocol"]),
        ("server", &["auth", "protocol"]),
    ],
};

impl Package {
    fn graph(&self) -> Graph {
        Graph::of(self.sources)
    }

    /// The layer of a module. The root of the crate is in none.
    fn layer_of(&self, module: &[String]) -> Option<&'static str> {
        let names: Vec<&str> = module.iter().map(String::as_str).collect();
        let layer = match names.as_slice() {
            ["journal", "codec", ..] => "journal codec",
            ["journal", "memory", ..] => "journal memory",
            ["journal", "file", "tools" | "backup", ..] => "journal tools",
            ["journal", "file", ..] => "journal file",
            ["journal", ..] => "journal contract",
            [name, ..] => name,
            [] => return None,
        };
        let layers = || self.layers.iter().map(|(name, _)| *name);
        Some(
            layers().find(|name| *name == layer).unwrap_or_else(|| panic!("unknown layer {layer}")),
        )
    }

    fn uses(&self, layer: &str) -> &'static [&'static str] {
        self.layers.iter().find(|(name, _)| *name == layer).map_or(&[], |(_, uses)| *uses)
    }
}

#[test]
fn layer_uses_only_layers_below_it() {
    for (package, least) in [(LIBRARY, 300), (HTTP, 150)] {
        let graph = package.graph();
        let mut wrong = Vec::new();
        for edge in graph.edges() {
            let Some(from) = package.layer_of(edge.from) else { continue };
            // A module may re-export its submodules.
            if edge.to.starts_with(edge.from) {
                continue;
            }
            // A path that still ends at the root could not be resolved.
            let Some(to) = package.layer_of(edge.to) else {
                wrong.push(edge.to_string());
                continue;
            };
            if from != to && !package.uses(from).contains(&to) {
                wrong.push(edge.to_string());
            }
        }
        let edges = graph.edges().len();
        assert!(edges > least, "the paths of {} are not read: {edges}", package.sources);
        assert!(wrong.is_empty(), "upward edges:\n{}", wrong.join("\n"));
    }
}

#[test]
fn layers_are_in_order() {
    for package in [LIBRARY, HTTP] {
        for (at, (name, uses)) in package.layers.iter().enumerate() {
            let below = &package.layers[..at];
            assert!(uses.iter().all(|used| below.iter().any(|(name, _)| name == used)), "{name}");
        }
    }
}

#[test]
fn design_page_has_the_same_layers() {
    let page = include_str!("../../docs/design.md");
    let section =
        page.split("\n## ").find(|section| section.starts_with("Layers\n")).expect("the section");
    let rows =
        section.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| layer"));
    let documented: Vec<(&str, &str)> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            (cells[1], cells[4])
        })
        .collect();
    let checked: Vec<(&str, String)> = [LIBRARY, HTTP]
        .iter()
        .flat_map(|package| package.layers)
        .map(|(name, uses)| (*name, uses.join(", ")))
        .collect();
    let checked: Vec<(&str, &str)> =
        checked.iter().map(|(name, uses)| (*name, uses.as_str())).collect();
    assert_eq!(documented, checked);
}

#[test]
fn no_layer_imports_through_the_root() {
    for package in [LIBRARY, HTTP] {
        let graph = package.graph();
        // Names that are not modules of the root are exports of it, as are the modules in `lib.rs` itself.
        let is_root = |path: &str| {
            let first = path.split("::").next().unwrap_or(path);
            !graph.has_module(first)
        };
        let through_root = |edge: &graph::Edge<'_>| {
            package.layer_of(edge.from).is_some()
                && edge.path.strip_prefix("crate::").is_some_and(is_root)
        };
        let edges = graph.edges();
        let wrong: Vec<_> =
            edges.iter().filter(|edge| through_root(edge)).map(ToString::to_string).collect();
        assert!(wrong.is_empty(), "imports through the root:\n{}", wrong.join("\n"));
    }
}

#[test]
fn modules_have_no_cycles() {
    let mut cycles = BTreeSet::new();
    for (sources, has_layers) in
        [(LIBRARY.sources, true), (HTTP.sources, true), ("crates/cli/src", false)]
    {
        let graph = Graph::of(sources);
        // The modules at the root are layers, checked above; `journal` has several.
        for folder in graph.folders().into_iter().filter(|folder| !folder.is_empty() || !has_layers)
        {
            cycles.extend(
                graph
                    .cycles_in(&folder)
                    .into_iter()
                    .map(|names| format!("{sources}/{}: {}", folder.join("/"), names.join(", "))),
            );
        }
    }
    assert!(cycles.is_empty(), "cycles:\n{}", cycles.into_iter().collect::<Vec<_>>().join("\n"));
}

#[test]
fn program_uses_only_public_names() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/cli/src");
    let texts = graph::texts_of(&sources);
    assert!(texts.len() > 40, "{} files", texts.len());
    let uses = texts.iter().filter(|(_, text)| text.contains("internal::"));
    let names: Vec<&str> = uses.map(|(name, _)| name.as_str()).collect();
    assert!(names.is_empty(), "internal names of the library are used in {names:?}");
}

#[test]
fn graph_finds_edges_and_cycles() {
    let graph = Graph::of_texts([
        ("lib.rs", "mod a;\nmod b;\npub use self::a::One;\npub use self::b::Two as Second;"),
        ("a.rs", "use crate::b::{Two, three};\npub struct One;"),
        ("b/mod.rs", "// use crate::c;\nmod inner;\npub use self::inner::Two;"),
        (
            "b/inner.rs",
            "fn f() -> crate::One { super::super::a::One }\nmacro_rules! m { () => { $crate::a::Three } }\n#[cfg(test)]\nmod tests {\n    use crate::x::Y;\n}",
        ),
    ]);
    let edges: BTreeSet<_> = graph.edges().iter().map(ToString::to_string).collect();
    assert!(edges.contains("a uses b/inner (crate::b::Two)"), "{edges:?}");
    assert!(edges.contains("b/inner uses a (crate::One)"), "{edges:?}");
    assert!(!edges.iter().any(|edge| edge.contains("::x::") || edge.contains("::c")), "{edges:?}");
    assert_eq!(graph.cycles_in(&[]), [["a", "b"]]);
}
