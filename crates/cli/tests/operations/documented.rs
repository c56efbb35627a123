//! `docs/operations.md` matches the program: its table of options, its metrics, and the output of the commands in its
//! `console` blocks. The commands of the README work too.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use mainspring_testing::certificates::Authority;

use super::process::{Server, fresh, mainspring, wait_until};

const PAGE: &str = include_str!("../../../../docs/operations.md");

#[test]
fn documented_options_equal_those_of_the_program() {
    let help = mainspring(&["serve", "--help"])
        .env("COLUMNS", "100000")
        .output()
        .expect("the program runs");
    let help = String::from_utf8(help.stdout).expect("UTF-8");
    let mut settings = BTreeSet::new();
    let mut lines = help.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(flag) = line.trim().strip_prefix("--") else { continue };
        let name = flag.split([' ', '[', '<', '=']).next().expect("a name");
        // The help text is on the same line or on the lines below.
        let mut text = line.to_owned();
        while lines.peek().is_some_and(|next| {
            let next = next.trim();
            !next.is_empty() && !next.starts_with("--")
        }) {
            text.push(' ');
            text += lines.next().expect("peeked").trim();
        }
        let of = |what: &str| {
            let (_, rest) = text.split_once(what)?;
            rest.split_once(']').map(|(value, _)| value.trim().to_owned())
        };
        let Some(variable) = of("[env:") else { continue };
        settings.insert((name.to_owned(), variable, of("[default:").unwrap_or_default()));
    }
    assert!(settings.len() > 30, "{help}");

    let cell = |cell: &str| cell.trim().trim_matches('`').to_owned();
    let documented: BTreeSet<_> = PAGE
        .lines()
        .filter_map(|line| line.strip_prefix("| `--"))
        .map(|line| {
            let cells: Vec<&str> = line.split('|').collect();
            (cell(cells[0]), cell(cells[1]), cell(cells[2]))
        })
        .collect();
    let missing: Vec<_> = settings.difference(&documented).collect();
    let invented: Vec<_> = documented.difference(&settings).collect();
    assert!(missing.is_empty() && invented.is_empty(), "{missing:?}\n{invented:?}");
}

/// All words that have the form of a metric name.
fn metrics_of(text: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_lowercase() || c == '_';
    text.split(|c| !is_part(c))
        .filter(|word| word.starts_with("mainspring_") || word.starts_with("process_"))
        .collect()
}

#[test]
fn documented_metrics_equal_the_exposed_ones() {
    let server = Server::start("documented-metrics", &[]);
    server.request("GET", "/api/v1/k", "");
    let mut text = String::new();
    // Some metrics exist only with TLS.
    let pair = Authority::new().sign();
    let (pem, key) = (fresh("documented-metrics.pem"), fresh("documented-metrics.key"));
    fs::write(&pem, pair.certificate).expect("the file is writable");
    fs::write(&key, pair.key).expect("the file is writable");
    let tls_server = start_with_tls("documented-metrics-tls", &pem, &key);
    wait_until("the certificate metric is exposed", || {
        text = tls_server.check("/metrics").body;
        text.contains("mainspring_tls_")
    });
    text += &server.check("/metrics").body;
    let samples: String =
        text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n");
    let exposed = metrics_of(&samples);
    for name in metrics_of(PAGE) {
        let is_exposed = exposed.iter().any(|sample| {
            sample
                .strip_prefix(name)
                .is_some_and(|rest| ["", "_sum", "_count", "_bucket"].contains(&rest))
        });
        assert!(is_exposed, "{name} is not exposed");
    }
    let documented = metrics_of(PAGE);
    for sample in exposed {
        let base = ["_sum", "_count", "_bucket"].iter().find_map(|end| sample.strip_suffix(end));
        let is_documented =
            documented.contains(sample) || base.is_some_and(|b| documented.contains(b));
        assert!(is_documented, "{sample} is not documented");
    }
}

fn start_with_tls(name: &str, certificate: &Path, key: &Path) -> Server {
    let flags = [("--tls-cert", certificate), ("--tls-key", key)];
    let [certificate, key] = flags.map(|(flag, path)| format!("{flag}={}", path.display()));
    Server::start(name, &[&certificate, &key])
}

/// Run the commands of a page in order, with a server running. A line that begins with `$` is a command; its output must
/// contain the lines below. Returns the number of commands.
fn run_commands_of(page: &str, name: &str) -> usize {
    let directory = fresh(name);
    fs::create_dir_all(&directory).expect("the directory is writable");
    let journal = directory.join("data");
    let server = Server::start(name, &[&format!("--journal=file:{}", journal.display())]);
    assert_eq!(server.request("PUT", "/api/v1/k", "{\"value\":1}").status, 200);
    let program = Path::new(env!("CARGO_BIN_EXE_mainspring")).parent().expect("a directory");
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap_or_default());
    // Started when the page has created the certificate.
    let mut tls_server: Option<Server> = None;
    let mut server_with_accounts: Option<Server> = None;
    let mut run = |command: &str| {
        let mut script = command
            .replace("127.0.0.1:8080", &server.api)
            .replace("127.0.0.1:8081", &server.health);
        if script.contains("127.0.0.1:8443") {
            let start = || {
                let (pem, key) = (directory.join("server.pem"), directory.join("server.key"));
                start_with_tls("documented-tls", &pem, &key)
            };
            script = script.replace("127.0.0.1:8443", &tls_server.get_or_insert_with(start).api);
        }
        if script.contains("127.0.0.1:8082") {
            let start = || Server::start("documented-accounts", &super::accounts::ADMIN);
            script = script
                .replace("127.0.0.1:8082", &server_with_accounts.get_or_insert_with(start).api);
        }
        let shell = Command::new("sh")
            .args(["-ec", &script])
            .current_dir(&directory)
            .env("PATH", &path)
            .env("MAINSPRING_CREDENTIALS", directory.join("credentials.json"))
            .env("MAINSPRING_URL", format!("http://{}", server.api))
            .output()
            .expect("sh runs");
        let output = [shell.stdout, shell.stderr].concat();
        (shell.status.code(), String::from_utf8(output).expect("UTF-8"))
    };
    let curl = run("curl --version");
    assert_eq!(curl.0, Some(0), "curl is missing: apt-get install curl");
    let (mut is_console, mut output, mut commands) = (false, String::new(), 0);
    for line in page.lines() {
        match line {
            "```console" => is_console = true,
            "```" => is_console = false,
            _ if !is_console => {}
            _ => match line.strip_prefix("$ ") {
                // Started above.
                Some("mainspring serve --journal file:data &") => commands += 1,
                Some(command) => {
                    let is_endless = command.starts_with("curl -N ") || command.contains(" watch ");
                    let (script, code) = if is_endless {
                        (format!("timeout 1 {command}"), Some(124))
                    } else {
                        (command.to_owned(), Some(0))
                    };
                    let result = run(&script);
                    assert_eq!(result.0, code, "{command}: {}", result.1);
                    output = result.1;
                    commands += 1;
                }
                None => assert!(output.contains(line), "no {line:?} in {output:?}"),
            },
        }
    }
    commands
}

#[test]
fn commands_of_the_operations_page_work() {
    assert!(run_commands_of(PAGE, "documented") >= 8);
}

#[test]
fn commands_of_the_readme_work() {
    assert!(run_commands_of(include_str!("../../../../README.md"), "readme") >= 7);
}
