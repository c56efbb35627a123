//! The layers of the library: each module uses only those below it, and no modules use each other in a circle.
//!
//! Read from the `use` lines and the paths in the code, as text. Test modules are left out: they may use anything.

mod graph;
mod paths;

use std::collections::BTreeSet;

use graph::Graph;

/// Everything that `store` may use, and that the layers above it may use.
const LIBRARY: &[&str] = &[
    "model",
    "state",
    "journal contract",
    "journal codec",
    "feed",
    "journal memory",
    "journal file",
    "journal tools",
    "owner",
    "store",
];

/// The layers from the bottom up, and which of the others each of them may use. `docs/design.md` shows the same.
const LAYERS: [(&str, &[&[&str]]); 16] = [
    ("model", &[]),
    ("state", &[&["model"]]),
    ("journal contract", &[&["model"]]),
    ("journal codec", &[&["model"]]),
    ("feed", &[&["model", "state", "journal contract"]]),
    ("journal memory", &[&["model", "journal contract"]]),
    ("journal file", &[&["model", "journal contract", "journal codec"]]),
    (
        "journal tools",
        &[&["model", "journal contract", "journal codec", "journal file", "state", "feed"]],
    ),
    ("owner", &[&["model", "state", "journal contract", "feed"]]),
    ("store", &[LIBRARY]),
    ("auth", &[LIBRARY]),
    ("protocol", &[LIBRARY, &["auth"]]),
    ("client", &[LIBRARY, &["auth", "protocol"]]),
    ("http", &[LIBRARY, &["auth", "protocol"]]),
    // Public names of the protocol and the codec.
    ("wire", &[LIBRARY, &["protocol"]]),
    // The program: it uses the library as any user does.
    ("cli", &[]),
];

/// The layer of a module. The root of the crate is in none.
fn layer_of(module: &[String]) -> Option<&'static str> {
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
    Some(
        LAYERS
            .iter()
            .find(|(name, _)| *name == layer)
            .unwrap_or_else(|| panic!("{layer} is in no layer"))
            .0,
    )
}

#[test]
fn a_layer_uses_only_layers_below_it() {
    let graph = Graph::of("src");
    let mut wrong = Vec::new();
    for edge in graph.edges() {
        let Some(from) = layer_of(edge.from) else { continue };
        // A module exports what is inside of it.
        if edge.to.starts_with(edge.from) {
            continue;
        }
        // A path that ends at the root was not understood: what the root exports is resolved.
        let Some(to) = layer_of(edge.to) else {
            wrong.push(edge.to_string());
            continue;
        };
        let below =
            LAYERS.iter().find(|(name, _)| *name == from).map_or(&[][..], |(_, below)| below);
        if from != to && !below.iter().any(|some| some.contains(&to)) {
            wrong.push(edge.to_string());
        }
    }
    assert!(graph.edges().len() > 300, "the paths are not read: {}", graph.edges().len());
    assert!(wrong.is_empty(), "upward edges:\n{}", wrong.join("\n"));
}

#[test]
fn the_design_page_has_the_same_layers() {
    let page = include_str!("../../docs/design.md");
    let section =
        page.split("\n## ").find(|section| section.starts_with("Layers\n")).expect("the section");
    let rows = section.lines().filter(|line| line.starts_with("| ")).skip(1);
    let documented: Vec<(&str, &str)> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            (cells[1], cells[4])
        })
        .collect();
    let uses = |(name, below): &(&'static str, &[&[&'static str]])| {
        let some = |some: &&[&'static str]| match *some {
            LIBRARY if *name == "store" => "all of the above".to_owned(),
            LIBRARY => "the library".to_owned(),
            names => names.join(", "),
        };
        (*name, below.iter().map(some).collect::<Vec<_>>().join(", "))
    };
    let checked: Vec<(&str, String)> = LAYERS.iter().map(uses).collect();
    let checked: Vec<(&str, &str)> =
        checked.iter().map(|(name, uses)| (*name, uses.as_str())).collect();
    assert_eq!(documented, checked);
}

#[test]
fn the_library_imports_nothing_through_its_root() {
    let graph = Graph::of("src");
    // `internal` is the root by another name.
    let is_root =
        |path: &str| path.starts_with(char::is_uppercase) || path.starts_with("internal::");
    let through_root = |edge: &graph::Edge<'_>| {
        layer_of(edge.from).is_some_and(|layer| LIBRARY.contains(&layer))
            && edge.path.strip_prefix("crate::").is_some_and(is_root)
    };
    let edges = graph.edges();
    let wrong: Vec<_> =
        edges.iter().filter(|edge| through_root(edge)).map(ToString::to_string).collect();
    assert!(wrong.is_empty(), "imports through the root:\n{}", wrong.join("\n"));
}

#[test]
fn no_modules_use_each_other_in_a_circle() {
    let graph = Graph::of("src");
    let mut circles = BTreeSet::new();
    // Those of `src` itself are layers, of which `journal` has several.
    for folder in graph.folders().into_iter().filter(|folder| !folder.is_empty()) {
        circles.extend(
            graph
                .circles_in(&folder)
                .into_iter()
                .map(|names| format!("{}: {}", folder.join("/"), names.join(", "))),
        );
    }
    assert!(circles.is_empty(), "circles:\n{}", circles.into_iter().collect::<Vec<_>>().join("\n"));
}

#[test]
fn an_edge_and_a_circle_are_seen() {
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
    assert_eq!(graph.circles_in(&[]), [["a", "b"]]);
}
