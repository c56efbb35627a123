//! The layers of the library: each module uses only those below it, and no modules use each other in a circle.
//!
//! Read from the `use` lines and the paths in the code, as text. Test modules are left out: they may use anything.

mod graph;
mod paths;

use std::collections::BTreeSet;

use graph::Graph;

/// The layers of the library, from the bottom up, and which of the others each of them may use. `docs/design.md` shows
/// the same.
const LAYERS: [(&str, &[&str]); 9] = [
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
];

/// Everything that is above the library's own layers.
const ABOVE: [&str; 5] = ["auth", "client", "http", "wire", "protocol"];

/// The layer of a module of the library, if it is in one.
fn layer_of(module: &[String]) -> Option<&'static str> {
    let names: Vec<&str> = module.iter().map(String::as_str).collect();
    Some(match names.as_slice() {
        ["model", ..] => "model",
        ["state", ..] => "state",
        ["feed", ..] => "feed",
        ["journal", "codec", ..] => "journal codec",
        ["journal", "memory", ..] => "journal memory",
        ["journal", "file", "tools" | "backup", ..] => "journal tools",
        ["journal", "file", ..] => "journal file",
        ["journal", ..] => "journal contract",
        ["owner", ..] => "owner",
        ["store", ..] => "store",
        _ => return None,
    })
}

#[test]
fn a_layer_uses_only_layers_below_it() {
    let graph = Graph::of("src");
    let mut wrong = Vec::new();
    for edge in graph.edges() {
        let (Some(from), to) = (layer_of(edge.from), layer_of(edge.to)) else { continue };
        let is_allowed = match to {
            Some(to) if from == to => true,
            // The store is the top.
            Some(_) if from == "store" => true,
            Some(to) => LAYERS.iter().any(|(name, below)| *name == from && below.contains(&to)),
            None => !edge.to.first().is_some_and(|top| ABOVE.contains(&top.as_str())),
        };
        if !is_allowed {
            wrong.push(edge.to_string());
        }
    }
    assert!(graph.edges().len() > 300, "the paths are not read: {}", graph.edges().len());
    assert!(wrong.is_empty(), "upward edges:\n{}", wrong.join("\n"));
}

#[test]
fn the_library_imports_nothing_through_its_root() {
    let graph = Graph::of("src");
    let through_root = |edge: &graph::Edge<'_>| {
        layer_of(edge.from).is_some() && edge.path.strip_prefix("crate::").is_some_and(starts_upper)
    };
    let wrong: Vec<_> =
        graph.edges().into_iter().filter(through_root).map(|edge| edge.to_string()).collect();
    assert!(wrong.is_empty(), "imports through the root:\n{}", wrong.join("\n"));
}

fn starts_upper(path: &str) -> bool {
    path.starts_with(char::is_uppercase)
}

#[test]
fn no_modules_use_each_other_in_a_circle() {
    let graph = Graph::of("src");
    let mut circles = BTreeSet::new();
    for folder in graph.folders() {
        circles.extend(graph.circles_in(&folder).into_iter().map(|names| {
            let inside = if folder.is_empty() { "src".to_owned() } else { folder.join("/") };
            format!("{inside}: {}", names.join(", "))
        }));
    }
    assert!(circles.is_empty(), "circles:\n{}", circles.into_iter().collect::<Vec<_>>().join("\n"));
}

#[test]
fn an_edge_and_a_circle_are_seen() {
    let graph = Graph::of_texts([
        ("lib.rs", "mod a;\nmod b;\npub use self::a::One;"),
        ("a.rs", "use crate::b::{Two, three};\npub struct One;"),
        ("b/mod.rs", "// use crate::c;\nmod inner;\npub use self::inner::Two;"),
        (
            "b/inner.rs",
            "fn f() -> crate::One { super::super::a::One }\n#[cfg(test)]\nmod tests {\n    use crate::x::Y;\n}",
        ),
    ]);
    let edges: BTreeSet<_> = graph.edges().iter().map(ToString::to_string).collect();
    assert!(edges.contains("a uses b/inner (crate::b::Two)"), "{edges:?}");
    assert!(edges.contains("b/inner uses a (crate::One)"), "{edges:?}");
    assert!(!edges.iter().any(|edge| edge.contains("::x::") || edge.contains("::c")), "{edges:?}");
    assert_eq!(graph.circles_in(&[]), [["a", "b"]]);
}
