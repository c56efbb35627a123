//! Runs the corpus of the fuzz targets.

use std::path::Path;

use crate::fuzzed::{import, lines, manifest, snapshot};

fn run(name: &str, target: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut count = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        target(&std::fs::read(file.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count > 0, "the corpus is missing");
}

#[test]
fn fuzz_corpus_passes() {
    run("lines", lines);
    run("snapshot", snapshot);
    run("manifest", manifest);
    run("import", import);
}

/// The corpus must get past the first line: lines with added checksums are decoded.
#[test]
fn corpus_lines_are_decoded() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/lines/format_2");
    let found = crate::fuzzed::content_of_lines(&std::fs::read(corpus).unwrap());
    assert_eq!(found.map(|found| found.revision), Ok(4));
}
