//! Functions of the fuzz targets in `fuzz`: files with any content. The tests run the corpus of the targets.
//!
//! Input lines need no checksums, because almost no random line would have a correct one. Each line that ends with a
//! brace gets its checksum, and each line that begins an append gets the checksum of the previous append.

use mainspring::journal::FileJournal;
use mainspring::journal::file::tools;

use crate::ledger::{Content, read_content};
use crate::sim::SimDisk;

const LOG: &str = "log-00000000000000000000.jsonl";

/// Opens a log with these lines after its header.
pub(crate) fn lines(bytes: &[u8]) {
    open(&log_of(bytes));
}

/// Returns the content of a journal with these lines after its header.
pub(crate) fn content_of_lines(bytes: &[u8]) -> Result<Content, String> {
    block_on(read_content(FileJournal::open_on(log_of(bytes))))
}

fn log_of(bytes: &[u8]) -> SimDisk {
    let disk = disk();
    let mut content = disk.content(LOG);
    let header = String::from_utf8(content.clone()).unwrap();
    let (_, prev) = header.split_once("\"prev\":\"").unwrap();
    content.extend_from_slice(&chained(bytes, prev[..8].to_owned()));
    disk.set_content(LOG, &content);
    disk
}

/// Opens a journal with this snapshot, at revision 3, and an empty log.
pub(crate) fn snapshot(bytes: &[u8]) {
    let disk = disk();
    let manifest = disk.content("MANIFEST");
    let line = std::str::from_utf8(&manifest).unwrap();
    let (start, _) = line.rsplit_once(",\"crc\"").unwrap();
    let line = start.replace("\"snapshots\":[]", "\"snapshots\":[{\"revision\":3,\"bytes\":100}]");
    let line = line.replace("\"base\":0", "\"base\":3") + "}";
    disk.set_content("MANIFEST", &sealed(line.as_bytes()));
    let header = String::from_utf8(disk.content(LOG)).unwrap();
    let (start, _) = header.rsplit_once(",\"crc\"").unwrap();
    let header = start.replace("\"base\":0", "\"base\":3") + "}";
    disk.add("log-00000000000000000003.jsonl", &sealed(header.as_bytes()));
    disk.add("snapshot-00000000000000000003.jsonl", &sealed(bytes));
    open(&disk);
}

/// Opens a journal with this manifest and an empty log.
pub(crate) fn manifest(bytes: &[u8]) {
    let disk = disk();
    disk.set_content("MANIFEST", &sealed(bytes));
    open(&disk);
}

/// Imports these bytes. They need no checksums.
pub(crate) fn import(bytes: &[u8]) {
    let folder =
        |name| std::env::temp_dir().join(format!("mainspring-{name}-{}", std::process::id()));
    let (once, again) = (folder("import"), folder("import-again"));
    for folder in [&once, &again] {
        let _ = std::fs::remove_dir_all(folder);
    }
    let rows = |folder: &std::path::Path| {
        let mut out = Vec::new();
        tools::export(folder, &mut out, &mut |_| {}).expect("a new journal");
        out
    };
    if let Ok(done) = tools::import(bytes, &once, &mut |_| {}) {
        let report = tools::check(&once, &mut |_| {}).expect("a new journal");
        assert_eq!((report.verdict, report.revision), (tools::Verdict::Open, Some(done.revision)));
        let first = rows(&once);
        // An export without rows is an empty log.
        if !first.is_empty() {
            tools::import(&first[..], &again, &mut |_| {}).expect("an export");
            assert!(undated(&rows(&again)) == undated(&first), "an export must round trip");
        }
    }
    for folder in [&once, &again] {
        let _ = std::fs::remove_dir_all(folder);
    }
}

/// Returns rows without their deadlines, which an import changes.
fn undated(rows: &[u8]) -> Vec<String> {
    let undated = |row: &str| {
        let (start, rest) = row.rsplit_once(",\"ttl\":").expect("a row");
        let (_, end) = rest.split_once(",\"created_at\":").expect("a row");
        let end = end.split_once(",\"expires_in\":").map_or(end, |(end, _)| end);
        format!("{start}{}", end.trim_end_matches('}'))
    };
    std::str::from_utf8(rows).expect("text").lines().map(undated).collect()
}

/// Returns a disk with a new journal.
fn disk() -> SimDisk {
    let disk = SimDisk::new();
    block_on(read_content(FileJournal::open_on(disk.clone()))).unwrap();
    disk
}

/// Verifies that a journal is rejected, or opens twice with the same content.
fn open(disk: &SimDisk) {
    if let Ok(once) = block_on(read_content(FileJournal::open_on(disk.clone()))) {
        let again = block_on(read_content(FileJournal::open_on(disk.clone())))
            .expect("the journal opens again");
        assert!(again == once, "found {again:#?}, expected {once:#?}");
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

/// Adds the checksum of the previous append to each line that begins an append.
fn chained(bytes: &[u8], mut prev: String) -> Vec<u8> {
    let (mut whole, mut append) = (Vec::new(), Vec::new());
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let begins = text.windows(8).any(|part| part == b"\"lines\":");
        let line = match text.strip_suffix(b"}") {
            Some(start) if begins => {
                if !append.is_empty() {
                    prev = format!("{:08x}", crc32c::crc32c(&append));
                    append.clear();
                }
                [start, format!(",\"prev\":\"{prev}\"}}\n").as_bytes()].concat()
            }
            _ => line.to_vec(),
        };
        let line = sealed(&line);
        append.extend_from_slice(&line);
        whole.extend_from_slice(&line);
    }
    whole
}

fn sealed(bytes: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        match text.strip_suffix(b"}") {
            Some(start) => {
                let sum = crc32c::crc32c(start);
                sealed.extend_from_slice(start);
                sealed.extend_from_slice(format!(",\"crc\":\"{sum:08x}\"}}\n").as_bytes());
            }
            None => sealed.extend_from_slice(line),
        }
    }
    sealed
}
