//! The corpus of the fuzz targets.

use std::path::Path;

use crate::fuzzed::{bodies, keys, resumes, tokens, ttls};

fn each(name: &str, run: fn(&[u8])) {
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
fn the_corpus_of_the_fuzz_targets() {
    each("bodies", bodies);
    each("ttls", ttls);
    each("keys", keys);
    each("resumes", resumes);
    each("tokens", tokens);
}
