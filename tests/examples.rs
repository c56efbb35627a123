//! Runs the examples as built by `cargo test`, and checks their output.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

/// The time after which an example is considered hung, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where the example is, beside this test: `target/<profile>/deps/examples-<hash>`.
fn path_of(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test has a path");
    let profile = test.parent().and_then(Path::parent).expect("it is in target/<profile>/deps");
    let path = profile.join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    // `cargo test --test examples` builds no examples, and would check what was built last.
    let built = path.metadata().and_then(|binary| binary.modified()).ok();
    let fresh = built.is_some_and(|built| sources_of(name).all(|source| source <= built));
    assert!(fresh, "{} is missing or old. run: cargo build --examples", path.display());
    path
}

/// The modification times of the source files of an example.
fn sources_of(name: &str) -> impl Iterator<Item = SystemTime> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let modules = std::fs::read_dir(examples.join(name)).into_iter().flatten().flatten();
    let files = modules.map(|file| file.path()).chain([examples.join(format!("{name}.rs"))]);
    files.filter_map(|file| file.metadata().and_then(|file| file.modified()).ok())
}

/// Run an example, check that it succeeds, and return its output.
fn run(name: &str) -> String {
    let (ended, stdout, stderr) = run_with(name, &[]);
    assert!(ended.success(), "{name}: {ended}:\n{stdout}{stderr}");
    stdout
}

/// Run an example, and return its exit status and output.
fn run_with(name: &str, args: &[&Path]) -> (ExitStatus, String, String) {
    let mut command = Command::new(path_of(name));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the example starts");
    // Their output fits in a pipe, so it can be read after the end.
    let ended = ends_in_time(&mut child);
    let output = child.wait_with_output().expect("its output can be read");
    let stdout = String::from_utf8(output.stdout).expect("it prints text");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(ended, "{name} has not ended after {PATIENCE:?}:\n{stdout}{stderr}");
    (output.status, stdout, stderr.into_owned())
}

fn ends_in_time(child: &mut Child) -> bool {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if child.try_wait().expect("it can be waited for").is_some() {
            return true;
        }
        sleep(Duration::from_millis(5));
    }
    child.kill().expect("it can be killed");
    false
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

/// The numbers in a line, in their order. `5,000` is one.
fn numbers(line: &str) -> Vec<u64> {
    let line = line.replace(',', "");
    let digits = line.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
    digits.map(|part| part.parse().expect("digits")).collect()
}

#[test]
fn quickstart_prints_its_results() {
    assert_eq!(
        lines(&run("quickstart")),
        [
            "revision 1: session/1 = Item(\"ada\")",
            "2 visitors, ada left first",
            "refused: condition failed: the key is at revision 1; read it again and retry",
            "a batch of 2 changes, up to revision 6",
            "revision 8: session/1 has expired",
            "after the shutdown: the store is closed",
            "3 entries to the end",
        ]
    );
}

#[test]
fn subscribe_has_no_gap() {
    let output = run("subscribe");
    let lines = lines(&output);
    assert_eq!(lines[0], "snapshot: 2 entries at revision 3");
    assert_eq!(lines[1], "then: car/speed at revision 5");
    assert!(lines[2].starts_with("lagging: fell behind "), "{output}");
    assert!(lines[2].ends_with("read revisions 1 to 2000 without a gap"), "{output}");
    assert!(numbers(lines[2])[0] > 0, "{output}");
    assert_eq!(
        lines[3..],
        [
            "too slow: compacted up to 1900",
            "too slow: started over with 10 entries at revision 2000",
            "too slow: and on to revision 2005",
            "coming back: after revision 4 came 5 to 10",
            "coming back: the resume token is from another store: subscribe from a snapshot instead",
        ]
    );
}

#[test]
fn service_stops_in_order_and_loses_no_job() {
    let output = run("service");
    let lines = lines(&output);
    let place = |line: &str| lines.iter().position(|found| *found == line).expect(line);
    assert!(place("stopping") < place("the tasks have ended"), "{output}");
    assert!(place("the tasks have ended") < place("the store has ended"), "{output}");
    assert!(output.contains("alive: true"), "{output}");

    let counts = lines.last().expect("it prints");
    assert!(counts.ends_with("nothing is lost"), "{output}");
    let [accepted, done, waiting] = numbers(counts)[..] else { panic!("{output}") };
    assert!(done > 0, "{output}");
    assert_eq!(accepted, done + waiting, "{output}");
}

#[test]
fn fan_in_loses_items_only_without_the_owner() {
    let output = run("fan_in");
    let kept: Vec<_> = output
        .lines()
        .map(|line| {
            let (_, counts) = line.rsplit_once(": ").expect(line);
            numbers(counts)[..3].to_vec()
        })
        .collect();
    let [unprotected, small, large, many] = &kept[..] else { panic!("{output}") };
    assert_eq!(unprotected[0] + unprotected[2], 10_000, "{output}");
    assert!(unprotected[2] > 0, "a race that loses nothing shows nothing: {output}");
    assert_eq!(small[..], [10_000, 10_000, 0], "{output}");
    assert_eq!(large[..], [500_000, 500_000, 0], "{output}");
    assert_eq!(many[..], [500_000, 500_000, 0], "{output}");
}

#[test]
fn chat_shows_all_members_the_same_messages() {
    let output = run("chat");
    let lines = lines(&output);
    assert_eq!(lines[0], "lunch: 3 people saw the same 15 messages in order");
    assert!(lines[1].starts_with("last message: ") && lines[1].ends_with(": line 5"), "{output}");
    assert_eq!(
        lines[2..6],
        [
            "available: ADA, GRACE",
            "refused: user alan does not have a public key",
            "refused: 8 does not belong to any conversation",
            "refused: conversation 8 does not have messages",
        ]
    );
    assert!(lines[6].starts_with("refused: over the memory limit: "), "{output}");
    assert_eq!(lines[7..], ["the chat is closed"]);
}

#[cfg(feature = "file")]
#[test]
fn journal_recovers_all_entries_after_a_crash() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("example-journal");
    let _ = std::fs::remove_dir_all(&folder);
    for run in 0..4 {
        let crash = (run % 2 == 0).then_some(Path::new("--crash"));
        let args: Vec<_> = crash.into_iter().chain([&*folder]).collect();
        let (ended, stdout, stderr) = run_with("journal", &args);
        assert_eq!(ended.success(), crash.is_none(), "{ended}:\n{stdout}{stderr}");
        // 1,000 of each run before, and the list of the runs.
        let entries = if run == 0 { 0 } else { run * 1_000 + 1 };
        assert_eq!(numbers(lines(&stdout)[0])[..2], [entries, run], "{stdout}{stderr}");
        assert!(lines(&stdout)[1].starts_with("added 1000 entries in "), "{stdout}");
    }
}

#[test]
fn index_lists_every_example() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let index = std::fs::read_to_string(examples.join("README.md")).expect("there is an index");
    for entry in std::fs::read_dir(examples).expect("there are examples") {
        let path = entry.expect("it can be read").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("it has a name");
        let line = format!("| [`{name}`](");
        assert!(name == "README" || index.contains(&line), "examples/README.md lacks {name}");
    }
}
