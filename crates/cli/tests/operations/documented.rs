//! `docs/operations.md`: its table of settings is that of the program, every metric in it is shown, and every command
//! in a `console` block does what it says, with a server running; so do those of the README.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use mainspring_testing::certificates::Authority;

use super::process::{Server, eventually, fresh, mainspring};

const PAGE: &str = include_str!("../../../../docs/operations.md");

#[test]
fn the_table_of_settings_is_that_of_the_program() {
    let help = mainspring(&["serve", "--help"]).env("COLUMNS", "100000").output().expect("it runs");
    let help = String::from_utf8(help.stdout).expect("text");
    let mut settings = BTreeSet::new();
    let mut lines = help.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(flag) = line.trim().strip_prefix("--") else { continue };
        let name = flag.split([' ', '[', '<', '=']).next().expect("a name");
        // The text is beside it or below.
        let mut text = line.to_owned();
        while lines.peek().is_some_and(|next| {
            let next = next.trim();
            !next.is_empty() && !next.starts_with("--")
        }) {
            text.push(' ');
            text += lines.next().expect("it was seen").trim();
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

/// Every word that looks like a metric.
fn metrics_of(text: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_lowercase() || c == '_';
    text.split(|c| !is_part(c))
        .filter(|word| word.starts_with("mainspring_") || word.starts_with("process_"))
        .collect()
}

#[test]
fn every_metric_is_documented_and_every_documented_metric_is_shown() {
    let server = Server::start("documented-metrics", &[]);
    server.ask("GET", "/api/v1/k", "");
    let mut text = String::new();
    // Some are there only where everything is encrypted.
    let pair = Authority::new().sign();
    let (pem, key) = (fresh("documented-metrics.pem"), fresh("documented-metrics.key"));
    fs::write(&pem, pair.certificate).expect("it is written");
    fs::write(&key, pair.key).expect("it is written");
    let secret = encrypted("documented-metrics-tls", &pem, &key);
    eventually("the certificate is shown", || {
        text = secret.check("/metrics").body;
        text.contains("mainspring_tls_")
    });
    text += &server.check("/metrics").body;
    let samples: String =
        text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n");
    let shown = metrics_of(&samples);
    for name in metrics_of(PAGE) {
        let is_shown = shown.iter().any(|sample| {
            sample
                .strip_prefix(name)
                .is_some_and(|rest| ["", "_sum", "_count", "_bucket"].contains(&rest))
        });
        assert!(is_shown, "{name} is not shown");
    }
    let documented = metrics_of(PAGE);
    for sample in shown {
        let base = ["_sum", "_count", "_bucket"].iter().find_map(|end| sample.strip_suffix(end));
        let is_documented =
            documented.contains(sample) || base.is_some_and(|b| documented.contains(b));
        assert!(is_documented, "{sample} is not documented");
    }
}

fn encrypted(name: &str, certificate: &Path, key: &Path) -> Server {
    let flags = [("--tls-cert", certificate), ("--tls-key", key)];
    let [certificate, key] = flags.map(|(flag, path)| format!("{flag}={}", path.display()));
    Server::start(name, &[&certificate, &key])
}

/// Do what a page says, in its order, with a server running: a line that begins with `$` is a command, and those below
/// it are in what it says. Answers how many commands there are.
fn follow(page: &str, name: &str) -> usize {
    let folder = fresh(name);
    fs::create_dir_all(&folder).expect("it can be created");
    let journal = folder.join("data");
    let server = Server::start(name, &[&format!("--journal=file:{}", journal.display())]);
    assert_eq!(server.ask("PUT", "/api/v1/k", "{\"value\":1}").status, 200);
    let program = Path::new(env!("CARGO_BIN_EXE_mainspring")).parent().expect("a folder");
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap_or_default());
    // Begun when its certificate is there.
    let mut secret: Option<Server> = None;
    let mut asking: Option<Server> = None;
    let mut run = |command: &str| {
        let mut here = command
            .replace("127.0.0.1:8080", &server.api)
            .replace("127.0.0.1:8081", &server.health);
        if here.contains("127.0.0.1:8443") {
            let begin = || {
                let (pem, key) = (folder.join("server.pem"), folder.join("server.key"));
                encrypted("documented-tls", &pem, &key)
            };
            here = here.replace("127.0.0.1:8443", &secret.get_or_insert_with(begin).api);
        }
        if here.contains("127.0.0.1:8082") {
            let begin = || Server::start("documented-accounts", &super::accounts::ADMIN);
            here = here.replace("127.0.0.1:8082", &asking.get_or_insert_with(begin).api);
        }
        let shell = Command::new("sh")
            .args(["-ec", &here])
            .current_dir(&folder)
            .env("PATH", &path)
            .env("MAINSPRING_CREDENTIALS", folder.join("credentials.json"))
            .env("MAINSPRING_URL", format!("http://{}", server.api))
            .output()
            .expect("a shell runs");
        let said = [shell.stdout, shell.stderr].concat();
        (shell.status.code(), String::from_utf8(said).expect("text"))
    };
    let curl = run("curl --version");
    assert_eq!(curl.0, Some(0), "curl is needed: apt-get install curl");
    let (mut is_on, mut said, mut commands) = (false, String::new(), 0);
    for line in page.lines() {
        match line {
            "```console" => is_on = true,
            "```" => is_on = false,
            _ if !is_on => {}
            _ => match line.strip_prefix("$ ") {
                // It runs already.
                Some("mainspring serve --journal file:data &") => commands += 1,
                Some(command) => {
                    let is_endless = command.starts_with("curl -N ") || command.contains(" watch ");
                    let (here, code) = if is_endless {
                        (format!("timeout 1 {command}"), Some(124))
                    } else {
                        (command.to_owned(), Some(0))
                    };
                    let ended = run(&here);
                    assert_eq!(ended.0, code, "{command}: {}", ended.1);
                    said = ended.1;
                    commands += 1;
                }
                None => assert!(said.contains(line), "no {line:?} in {said:?}"),
            },
        }
    }
    commands
}

#[test]
fn the_commands_of_the_page_do_what_it_says() {
    assert!(follow(PAGE, "documented") >= 8);
}

#[test]
fn the_commands_of_the_readme_do_what_it_says() {
    assert!(follow(include_str!("../../../../README.md"), "readme") >= 7);
}
