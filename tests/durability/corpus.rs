//! The corpus of the fuzz targets.

use std::path::Path;

use crate::fuzzed::{import, lines, manifest, snapshot};

fn run(name: &str, target: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut count = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        target(&std::fs::read(file.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count > 0, "the corpus is not there");
}

#[test]
fn the_corpus_of_the_fuzz_targets() {
    run("lines", lines);
    run("snapshot", snapshot);
    run("manifest", manifest);
    run("import", import);
}

/// The corpus reaches further than the first line: what is chained and sealed is read.
#[test]
fn lines_of_the_corpus_are_read() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/lines/format_2");
    let found = crate::fuzzed::found(&std::fs::read(corpus).unwrap());
    assert_eq!(found.map(|found| found.revision), Ok(4));
}
