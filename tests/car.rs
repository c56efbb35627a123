//! Runs the `car` example, and checks its output and its log.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use jiff::civil::DateTime;

const RECORDING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/gps-drive-bt451.nmea");

const ALL_ENDED: &str = "4 tasks started, 4 ended, 0 left in the runtime";

/// Returns a command that runs the example. Cargo has no variable for its path. `cargo test` builds the example next to
/// the tests, but `cargo test --test car` does not.
fn car() -> Command {
    let test = std::env::current_exe().expect("a test has a path");
    let program =
        test.ancestors().nth(2).expect("target/<profile>/deps/<test>").join("examples/car");
    let program = program.with_extension(std::env::consts::EXE_EXTENSION);
    let changed = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
    let sources =
        fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/car")).expect("the sources");
    let newest = sources.filter_map(|source| changed(&source.ok()?.path())).max();
    assert!(
        changed(&program) >= newest,
        "{} is missing or out of date: run `cargo build --examples` first",
        program.display()
    );
    Command::new(program)
}

/// Returns a path for one test, at which no file exists.
fn fresh(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("car-{name}"));
    let _ = fs::remove_file(&path);
    path
}

fn run(args: &[&str], log: &Path) -> Output {
    car().args(args).arg("--log").arg(log).output().expect("the example runs")
}

fn succeed(args: &[&str], log: &Path) -> String {
    let output = run(args, log);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", output.status);
    assert_eq!(errors, "");
    let stdout = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(stdout.ends_with(&format!("{ALL_ENDED}\n")), "{stdout}");
    stdout
}

fn fail(args: &[&str], log: &Path) -> String {
    let output = run(args, log);
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).expect("UTF-8")
}

/// Parses the date, speed and location of a line of the log, and checks the format of the line.
fn parse_line(line: &str) -> (DateTime, f64, f64) {
    let parts = line.strip_prefix("Date: ").and_then(|rest| rest.split_once(", Speed: "));
    let (date, rest) = parts.expect(line);
    let (speed, location) = rest.split_once(", Location: ").expect(line);
    let (date, speed, location) = parse(date, speed, location);
    let exact = format!(
        "Date: {}, Speed: {speed:.6}, Location: {location:.6}",
        date.strftime("%Y-%m-%d %H:%M:%S")
    );
    assert_eq!(line, exact);
    (date, speed, location)
}

fn parse(date: &str, speed: &str, location: &str) -> (DateTime, f64, f64) {
    let date = DateTime::strptime("%Y-%m-%d %H:%M:%S", date).expect("a date");
    (date, speed.parse().expect("a speed"), location.parse().expect("a location"))
}

#[test]
fn log_has_the_lines_of_the_earlier_program() {
    let log = fresh("observed.txt");
    succeed(&["--for", "19s", "--speedup", "5"], &log);
    let log = fs::read_to_string(log).unwrap();
    let lines: Vec<_> = log.lines().map(parse_line).collect();

    // The log has a line every two seconds, and one for each of the two changes, at 5 and 10 seconds.
    let moments: Vec<_> = lines.iter().map(|line| (line.1, line.2)).collect();
    assert_eq!(moments.len(), 9 + 2, "{log}");
    assert_eq!(moments[..3], [(0.0, 0.0), (0.0, 0.0), (1.0, 2.0)]);
    assert_eq!(moments[3..6], [(1.0, 2.0); 3]);
    assert_eq!(moments[7..], [(2.0, 4.0); 4]);

    // The dates are in simulated time: the test takes four seconds.
    let took = lines[10].0.duration_since(lines[0].0).as_secs();
    assert!((15..=17).contains(&took), "{log}");
}

#[test]
fn readme_format_has_date_speed_and_location() {
    let log = fresh("readme.txt");
    succeed(&["--for", "7s", "--speedup", "10", "--format", "readme"], &log);
    let log = fs::read_to_string(log).unwrap();
    assert_eq!(log.lines().count(), 4, "{log}");
    for line in log.lines() {
        let (date, rest) = line.split_once(": ").expect(line);
        let (speed, location) = rest.split_once(", ").expect(line);
        let (date, speed, location) = parse(date, speed, location);
        let date = date.strftime("%Y-%m-%d %H:%M:%S");
        assert_eq!(line, format!("{date}: {speed:.6}, {location:.6}"));
    }
}

#[test]
fn log_is_appended() {
    let log = fresh("grows.txt");
    fs::write(&log, "existing line\n").unwrap();
    succeed(&["--for", "3s", "--speedup", "10"], &log);
    let log = fs::read_to_string(log).unwrap();
    assert!(log.starts_with("existing line\nDate: "), "{log}");
}

#[test]
fn rejection_reaches_its_caller() {
    let stdout = succeed(&["--for", "17s", "--speedup", "10"], &fresh("rejected.txt"));
    assert!(stdout.contains("target speed 2: accepted\n"), "{stdout}");
    assert!(stdout.contains("not connected  speed   2.0  location     4.0\n"), "{stdout}");
    assert!(stdout.contains("target speed 3: rejected: the car is not connected\n"), "{stdout}");
}

/// The expected log of the recording, computed by an independent program in Python: knots times 1.852, and the sum of
/// the haversine distances, without the one between the two drives in the file.
const DRIVE: [&str; 13] = [
    "Date: 2009-12-09 15:25:05, Speed: 0.468556, Location: 0.000000",
    "Date: 2009-12-09 15:25:05, Speed: 0.490780, Location: 0.127559",
    "Date: 2009-12-09 15:25:06, Speed: 0.629680, Location: 0.276378",
    "Date: 2009-12-09 15:25:06, Speed: 0.622272, Location: 0.395125",
    "Date: 2009-12-09 15:25:07, Speed: 0.687092, Location: 0.549316",
    "Date: 2009-12-09 15:25:07, Speed: 0.572268, Location: 0.682290",
    "Date: 2009-12-09 15:25:08, Speed: 0.572268, Location: 0.794064",
    "Date: 2009-12-09 15:25:08, Speed: 0.548192, Location: 0.921623",
    "Date: 2009-12-09 14:33:06, Speed: 56.160048, Location: 0.921623",
    "Date: 2009-12-09 14:33:07, Speed: 57.152720, Location: 8.999512",
    "Date: 2009-12-09 14:33:07, Speed: 58.062052, Location: 17.152095",
    "Date: 2009-12-09 14:33:08, Speed: 59.264000, Location: 25.408422",
    "Date: 2009-12-09 14:33:08, Speed: 59.769596, Location: 33.781601",
];

/// Returns the lines of the log, without those of ticks, which repeat the previous line.
fn moves(log: &Path) -> Vec<String> {
    let mut lines: Vec<_> =
        fs::read_to_string(log).expect("a log").lines().map(String::from).collect();
    lines.dedup();
    lines
}

#[test]
fn recording_is_played_to_its_end() {
    let log = fresh("drive.txt");
    let started = Instant::now();
    let stdout = succeed(&["--nmea", RECORDING, "--speedup", "10"], &log);
    assert_eq!(moves(&log), DRIVE);

    // The recording takes about 10 seconds: 4 without a date, 3.5 of the first drive, 1 between the drives, and 2 of
    // the second drive.
    assert!(started.elapsed() > Duration::from_secs(1), "the recording is played in its own time");
    assert!(stdout.contains("  not connected  no data yet\n"), "{stdout}");
    assert!(
        stdout.contains("target speed 1: rejected: a recording has a fixed speed\n"),
        "{stdout}"
    );
    let end = "End of the recording: 13 positions, 4 sentences without a fix, 0 invalid lines.\n";
    assert!(stdout.contains(end), "{stdout}");
}

#[test]
fn fast_playback_loses_no_position() {
    let log = fresh("fast-drive.txt");
    succeed(&["--nmea", RECORDING, "--speedup", "10000"], &log);
    assert_eq!(moves(&log), DRIVE);
}

#[test]
fn invalid_lines_are_skipped_and_counted() {
    let mut damaged = fs::read(RECORDING).unwrap();
    let text = String::from_utf8(damaged.clone()).unwrap();
    let third = text.find("$GPRMC,152506.00").unwrap();
    damaged[third + 25] ^= 1; // wrong checksum
    damaged.extend(b"$GPRMC,143309.00,A,5546.8*00\n\xff\xfe\x00\n$GPRM");
    let file = fresh("damaged.nmea");
    fs::write(&file, damaged).unwrap();

    let log = fresh("damaged.txt");
    let stdout = succeed(&["--nmea", file.to_str().unwrap(), "--speedup", "100"], &log);
    assert!(
        stdout.contains("12 positions, 4 sentences without a fix, 4 invalid lines."),
        "{stdout}"
    );
    assert_eq!(moves(&log).len(), 12);
}

/// Returns an `RMC` sentence at this minute of latitude on the prime meridian.
fn rmc(time: &str, status: char, minute: u32, date: &str) -> String {
    let body = format!("GPRMC,{time}.00,{status},00{minute:02}.0,N,00000.0,E,10.0,,{date},,,A");
    let checksum = body.bytes().fold(0, |sum, byte| sum ^ byte);
    format!("${body}*{checksum:02X}\r\n")
}

#[test]
fn distance_is_counted_without_a_fix_but_not_over_a_cut() {
    let file = fresh("cut.nmea");
    let sentences = [
        rmc("000000", 'V', 0, "060180"), // the receiver does not know the date yet
        rmc("235958", 'A', 1, "311299"),
        rmc("235959", 'V', 0, "311299"),
        rmc("000000", 'A', 2, "010100"), // a minute of latitude further, after midnight
        rmc("120000", 'A', 9, "010100"), // half a day later: another drive
        rmc("120001", 'A', 8, "010100"),
    ];
    fs::write(&file, sentences.concat()).unwrap();
    let log = fresh("cut.txt");
    let stdout = succeed(&["--nmea", file.to_str().unwrap(), "--speedup", "100"], &log);
    assert!(
        stdout.contains("4 positions, 2 sentences without a fix, 0 invalid lines."),
        "{stdout}"
    );

    // The position after midnight has a line, like the other three; the speed is 10 knots.
    let minute = 6_371_008.8 * (1.0_f64 / 60.0).to_radians();
    let line = |date, minutes| {
        format!("Date: {date}, Speed: 18.520000, Location: {:.6}", minute * f64::from(minutes))
    };
    let expected = [
        line("1999-12-31 23:59:58", 0),
        line("2000-01-01 00:00:00", 1),
        line("2000-01-01 12:00:01", 2),
    ];
    let lines = moves(&log);
    assert!(expected.iter().all(|line| lines.contains(line)), "{lines:?}");
}

#[test]
fn invalid_arguments_are_rejected() {
    let log = fresh("unused.txt");
    let error = fail(&["--nmea", "no/such/file"], &log);
    assert!(error.starts_with("error: cannot open no/such/file: No such file"), "{error}");
    assert!(!log.exists(), "the log was not created");

    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let error = fail(&["--nmea", manifest, "--speedup", "100"], &log);
    assert!(error.contains("is not a GPS recording"), "{error}");

    let error = fail(&[], Path::new("/no/such/directory/log.txt"));
    assert_eq!(
        error,
        "error: cannot open the log /no/such/directory/log.txt: \
         No such file or directory (os error 2)\n"
    );

    for time in ["20", "soon", "0s", "-5s", ""] {
        let error = fail(&[&format!("--for={time}")], &log);
        assert!(
            error.contains("expected a duration above zero, such as 20s, 500ms or 1m30s"),
            "{error}"
        );
    }
    for speedup in ["0", "-1", "NaN", "inf", "fast"] {
        let error = fail(&[&format!("--speedup={speedup}")], &log);
        assert!(error.contains("a number from 0.01 to 10000"), "{error}");
    }
    for time in ["500ms", "1m"] {
        succeed(&["--for", time, "--speedup", "1000"], &log);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn full_disk_is_an_error() {
    let output = run(&["--for", "1h", "--speedup", "10"], Path::new("/dev/full"));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert_eq!(
        error,
        "error: task `log` failed: cannot write to the log /dev/full: \
         No space left on device (os error 28)\n"
    );
    assert!(String::from_utf8_lossy(&output.stdout).contains(ALL_ENDED));
}

/// Sends SIGINT after the program has printed a text `times` times, and waits for its end.
#[cfg(unix)]
fn interrupt(mut child: Child, when: &str, times: usize) -> (Output, Duration) {
    let mut out = BufReader::new(child.stdout.take().expect("piped"));
    let mut stdout = String::new();
    let mut count = 0;
    while count < times {
        let before = stdout.len();
        assert_ne!(
            out.read_line(&mut stdout).expect("UTF-8"),
            0,
            "the program has ended: {stdout}"
        );
        count += usize::from(stdout[before..].contains(when));
    }
    let sent = Instant::now();
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.expect("kill runs").success());
    out.read_to_string(&mut stdout).expect("UTF-8");
    let mut output = child.wait_with_output().expect("output");
    output.stdout = stdout.into();
    (output, sent.elapsed())
}

#[cfg(unix)]
fn start(args: &[&str], log: &Path) -> Child {
    let mut car = car();
    car.args(args).arg("--log").arg(log).stdout(Stdio::piped()).stderr(Stdio::piped());
    car.spawn().expect("the example runs")
}

#[test]
#[cfg(unix)]
fn ctrl_c_stops_the_program_at_any_moment() {
    let log = fresh("interrupted.txt");
    let moments = [
        ("Press Ctrl-C", "1"),        // before the start
        ("location     0.0", "1"),    // in the first second
        ("not connected", "10"),      // while the car is not connected
        ("3: rejected", "10"),        // right after a rejection
        ("location    10.0", "1000"), // while all tasks are busy
    ];
    for (when, speedup) in moments {
        let (output, took) =
            interrupt(start(&["--for", "1h", "--speedup", speedup], &log), when, 1);
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{when}: {}", output.status);
        assert!(took < Duration::from_secs(1), "{when}: {took:?}");
        assert!(stdout.contains("ended, 0 left in the runtime"), "{when}: {stdout}");
    }
    let log = fs::read_to_string(log).unwrap();
    assert!(log.ends_with('\n'), "the last line is complete");
    for line in log.lines() {
        parse_line(line);
    }
}

/// The log is a pipe that is opened but not read.
#[test]
#[cfg(unix)]
fn ctrl_c_stops_the_program_while_the_log_is_blocked() {
    let pipe = fresh("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
    let reader = fs::File::options().read(true).write(true).open(&pipe).unwrap();

    // A pipe buffers about 1,000 lines; the printer continues.
    let child = start(&["--for", "10h", "--speedup", "5000"], &pipe);
    let (output, took) = interrupt(child, "location", 3_000);
    drop(reader);
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert!(stdout.contains(ALL_ENDED), "{stdout}");
    // Lines were lost, so this is a failure.
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("task `log` failed: it did not finish in time"), "{error}");
    assert!(!output.status.success());
}

#[cfg(feature = "file")]
#[test]
fn next_drive_continues_from_the_journal() {
    let directory = fresh("journal");
    let _ = fs::remove_dir_all(&directory);
    let journal = directory.to_str().unwrap();
    let drive =
        |log| succeed(&["--for", "7s", "--speedup", "10", "--journal", journal], &fresh(log));
    let stdout = drive("journal-1.txt");
    assert!(stdout.contains("target speed 1: accepted\n"), "{stdout}");
    let stdout = drive("journal-2.txt");
    assert!(stdout.contains("target speed 2: accepted\n"), "{stdout}");
    assert!(!stdout.contains("target speed 1:"), "{stdout}");
}
