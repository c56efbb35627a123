//! Runs the examples that `cargo test` has built, and checks their output.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

/// The timeout of an example, generous for a busy machine.
const TIMEOUT: Duration = Duration::from_secs(120);

/// The path of an example. This test is `target/<profile>/deps/examples-<hash>`.
fn path_of(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("path of the test");
    let profile = test.parent().and_then(Path::parent).expect("target/<profile>/deps");
    let path = profile.join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    // `cargo test --test examples` does not build the examples, so they may be outdated.
    let built = path.metadata().and_then(|binary| binary.modified()).ok();
    let fresh = built.is_some_and(|built| sources_of(name).all(|source| source <= built));
    assert!(fresh, "{} is missing or outdated; run: cargo build --examples", path.display());
    path
}

/// The modification times of the source files of an example.
fn sources_of(name: &str) -> impl Iterator<Item = SystemTime> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let modules = std::fs::read_dir(examples.join(name)).into_iter().flatten().flatten();
    let files = modules.map(|file| file.path()).chain([examples.join(format!("{name}.rs"))]);
    files.filter_map(|file| file.metadata().and_then(|file| file.modified()).ok())
}

/// Run an example, which must succeed, and return its output.
fn run(name: &str) -> String {
    let (status, stdout, stderr) = run_with(name, &[]);
    assert!(status.success(), "{name}: {status}:\n{stdout}{stderr}");
    stdout
}

/// Run an example, and return its status, output and errors.
fn run_with(name: &str, args: &[&Path]) -> (ExitStatus, String, String) {
    let mut command = Command::new(path_of(name));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the example starts");
    // The output fits into the buffer of a pipe, so it can be read at the end.
    let is_finished = wait_with_timeout(&mut child);
    let output = child.wait_with_output().expect("output");
    let stdout = String::from_utf8(output.stdout).expect("UTF-8");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(is_finished, "{name} still runs after {TIMEOUT:?}:\n{stdout}{stderr}");
    (output.status, stdout, stderr.into_owned())
}

fn wait_with_timeout(child: &mut Child) -> bool {
    let start = Instant::now();
    while start.elapsed() < TIMEOUT {
        if child.try_wait().expect("child process").is_some() {
            return true;
        }
        sleep(Duration::from_millis(5));
    }
    child.kill().expect("child process");
    false
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

/// The numbers in a line, in order. `5,000` is one number.
fn numbers(line: &str) -> Vec<u64> {
    let line = line.replace(',', "");
    let digits = line.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
    digits.map(|part| part.parse().expect("digits")).collect()
}

#[test]
fn quickstart_prints_the_expected_lines() {
    assert_eq!(
        lines(&run("quickstart")),
        [
            "revision 1: session/1 = Item(\"ada\")",
            "2 visitors, popped ada",
            "rejected: condition failed: the key is at revision 1; read it again and retry",
            "batch of 2 changes up to revision 6",
            "revision 8: session/1 has expired",
            "after the shutdown: the store is closed",
            "the view has 3 entries",
        ]
    );
}

#[test]
fn subscribe_has_no_gap() {
    let output = run("subscribe");
    let lines = lines(&output);
    assert_eq!(lines[0], "snapshot: 2 entries at revision 3");
    assert_eq!(lines[1], "then: car/speed at revision 5");
    assert!(lines[2].starts_with("lagging: lagged "), "{output}");
    assert!(lines[2].ends_with("read revisions 1 to 2000 without a gap"), "{output}");
    assert!(numbers(lines[2])[0] > 0, "{output}");
    assert_eq!(
        lines[3..],
        [
            "too slow: compacted up to 1900",
            "too slow: started again with 10 entries at revision 2000",
            "too slow: continued to revision 2005",
            "resuming: after revision 4: revisions 5 to 10",
            "resuming: the resume token is from another store: subscribe from a snapshot instead",
        ]
    );
}

#[test]
fn service_shuts_down_without_loss() {
    let output = run("service");
    let lines = lines(&output);
    let position = |line: &str| lines.iter().position(|found| *found == line).expect(line);
    assert!(position("stopping") < position("the tasks have ended"), "{output}");
    assert!(position("the tasks have ended") < position("the store has ended"), "{output}");
    assert!(output.contains("alive: true"), "{output}");

    let counts = lines.last().expect("output");
    assert!(counts.ends_with("no job was lost"), "{output}");
    let [accepted, done, waiting] = numbers(counts)[..] else { panic!("{output}") };
    assert!(done > 0, "{output}");
    assert_eq!(accepted, done + waiting, "{output}");
}

#[test]
fn fan_in_loses_items_only_with_read_modify_write() {
    let output = run("fan_in");
    let counts: Vec<_> = output
        .lines()
        .map(|line| {
            let (_, text) = line.rsplit_once(": ").expect(line);
            numbers(text)[..3].to_vec()
        })
        .collect();
    let [unprotected, small, large, many] = &counts[..] else { panic!("{output}") };
    assert_eq!(unprotected[0] + unprotected[2], 10_000, "{output}");
    assert!(unprotected[2] > 0, "the race lost no item: {output}");
    assert_eq!(small[..], [10_000, 10_000, 0], "{output}");
    assert_eq!(large[..], [500_000, 500_000, 0], "{output}");
    assert_eq!(many[..], [500_000, 500_000, 0], "{output}");
}

#[test]
fn chat_members_see_the_same_messages() {
    let output = run("chat");
    let lines = lines(&output);
    assert_eq!(lines[0], "lunch: 3 people saw the same 15 messages in order");
    assert!(lines[1].starts_with("last message: ") && lines[1].ends_with(": line 5"), "{output}");
    assert_eq!(
        lines[2..6],
        [
            "available: ADA, GRACE",
            "rejected: user alan does not have a public key",
            "rejected: 8 does not belong to any conversation",
            "rejected: conversation 8 does not have messages",
        ]
    );
    assert!(lines[6].starts_with("rejected: over the memory limit: "), "{output}");
    assert_eq!(lines[7..], ["the chat is closed"]);
}

#[cfg(feature = "file")]
#[test]
fn journal_recovers_everything_after_a_crash() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("example-journal");
    let _ = std::fs::remove_dir_all(&directory);
    for run in 0..4 {
        let crash = (run % 2 == 0).then_some(Path::new("--crash"));
        let args: Vec<_> = crash.into_iter().chain([&*directory]).collect();
        let (status, stdout, stderr) = run_with("journal", &args);
        assert_eq!(status.success(), crash.is_none(), "{status}:\n{stdout}{stderr}");
        // 1,000 entries of each earlier run, and the list of runs.
        let entries = if run == 0 { 0 } else { run * 1_000 + 1 };
        assert_eq!(numbers(lines(&stdout)[0])[..2], [entries, run], "{stdout}{stderr}");
        assert!(lines(&stdout)[1].starts_with("added 1000 entries in "), "{stdout}");
    }
}

#[test]
fn index_lists_all_examples() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let index = std::fs::read_to_string(examples.join("README.md")).expect("examples/README.md");
    for entry in std::fs::read_dir(examples).expect("examples") {
        let path = entry.expect("directory entry").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("file name");
        let line = format!("| [`{name}`](");
        assert!(name == "README" || index.contains(&line), "examples/README.md lacks {name}");
    }
}
