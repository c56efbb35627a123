//! Upgrade of journals of format 1, which continue in format 2 after the next start.

use std::path::Path;

use mainspring::journal::FileJournal;

use crate::figures;
use crate::ledger::{Content, read_content};
use crate::sim::{CUTS, SimDisk};
use crate::work::runtime;

/// Creates a disk with the journal of `tests/data/journal-v1`, complete or without the last appends.
fn pinned(is_empty_at_the_end: bool) -> SimDisk {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/journal-v1");
    let disk = SimDisk::new();
    for file in std::fs::read_dir(folder).expect("the pinned journal") {
        let path = file.expect("a file").path();
        let name = path.file_name().expect("a file name").to_string_lossy().into_owned();
        let mut content = std::fs::read(&path).expect("a readable file");
        if is_empty_at_the_end && name == "log-00000000000000000023.jsonl" {
            let header = content.iter().position(|byte| *byte == b'\n').expect("a header");
            content.truncate(header + 1);
        }
        disk.add(&name, &content);
    }
    disk
}

async fn start(disk: &SimDisk) -> Result<Content, String> {
    read_content(FileJournal::open_on(disk.clone())).await
}

#[test]
fn power_cut_at_every_step_of_upgrade_loses_nothing() {
    runtime().block_on(async {
        let mut cuts = 0;
        for is_empty in [false, true] {
            let whole = pinned(is_empty);
            let expected = start(&whole).await.expect("the journal opens");
            assert_eq!(expected.revision, if is_empty { 23 } else { 24 });
            let steps = whole.steps();
            for step in 1..=steps {
                let disk = pinned(is_empty).cut_power_at(step);
                let _ = start(&disk).await;
                for (seed, cut) in CUTS.into_iter().enumerate() {
                    let left = disk.survivor(cut, step * 10 + seed as u64);
                    let found = start(&left).await;
                    let found = found.unwrap_or_else(|error| {
                        panic!("step {step} {}, {cut:?}: {error}", disk.step_name(step))
                    });
                    assert!(found == expected, "step {step}, {cut:?}: {found:#?}");
                    cuts += 1;
                }
            }
        }
        figures(format_args!("{cuts} power cuts during an upgrade: no change lost"));
    });
}

#[test]
fn upgraded_journal_has_format_2() {
    runtime().block_on(async {
        for is_empty in [false, true] {
            let disk = pinned(is_empty);
            start(&disk).await.expect("the journal opens");
            let is_format_2 = |name: &str| disk.content(name).starts_with(b"{\"format\":2,");
            assert!(is_format_2("MANIFEST"), "version 0.1 must reject the directory");
            let last = disk.file_names().into_iter().rfind(|name| name.starts_with("log-"));
            assert!(is_format_2(&last.expect("a segment")));
        }
    });
}
