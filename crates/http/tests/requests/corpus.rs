//! Runs the corpus of the fuzz targets.

use std::path::Path;

use crate::fuzzed::{bodies, keys, resumes, tokens, ttls};

fn run_each(name: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(name);
    let mut files: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    for file in files {
        run(&std::fs::read(file).unwrap());
    }
}

#[test]
fn corpus_of_the_fuzz_targets_passes() {
    run_each("bodies", bodies);
    run_each("ttls", ttls);
    run_each("keys", keys);
    run_each("resumes", resumes);
    run_each("tokens", tokens);
}
