//! `completions` and `man` cover all commands.

use std::fs;

use crate::command::{mainspring, run};
use crate::server::fresh;

const COMMANDS: [&str; 30] = [
    "get",
    "set",
    "update",
    "remove",
    "push",
    "pop",
    "trim",
    "keys",
    "scan",
    "range",
    "expire",
    "persist",
    "clear",
    "compact",
    "watch",
    "batch",
    "stats",
    "backup",
    "export",
    "import",
    "bench",
    "login",
    "logout",
    "user",
    "journal",
    "ready",
    "serve",
    "completions",
    "man",
    "help",
];

fn printed(args: &[&str]) -> String {
    let result = run(&mut mainspring(args));
    assert_eq!((result.code, result.err.as_str()), (0, ""), "{args:?}");
    result.out
}

#[test]
fn help_lists_all_commands() {
    let help = printed(&["--help"]);
    let listed: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(listed, COMMANDS);
}

#[test]
fn completions_contain_all_commands() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = printed(&["completions", shell]);
        for command in COMMANDS {
            assert!(script.contains(command), "{shell}: {command}");
        }
        assert!(script.contains("if-revision") && script.contains("until-revision"), "{shell}");
    }
    let result = run(&mut mainspring(&["completions", "tcsh"]));
    assert_eq!(result.code, 2, "{}", result.err);
}

#[test]
fn manual_has_a_page_for_each_command() {
    let all = printed(&["man"]);
    let directory = fresh("man");
    let result = run(&mut mainspring(&["man", directory.to_str().expect("UTF-8")]));
    assert_eq!((result.code, result.out.as_str()), (0, ""), "{}", result.err);
    let main = fs::read_to_string(directory.join("mainspring.1")).expect("a page");
    for command in COMMANDS.iter().filter(|command| **command != "help") {
        assert!(main.contains(&format!("mainspring\\-{command}(1)")), "{command}");
        let page =
            fs::read_to_string(directory.join(format!("mainspring-{command}.1"))).expect(command);
        assert!(page.contains(".SH SYNOPSIS"), "{command}");
        assert!(all.contains(&format!(".TH mainspring-{command}")), "{command}");
    }
    assert!(main.contains("Exit codes"), "{main}");
}
