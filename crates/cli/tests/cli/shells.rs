//! `completions` and `man`: for every command.

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
    let ended = run(&mut mainspring(args));
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{args:?}");
    ended.out
}

#[test]
fn the_list_of_commands_is_whole() {
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
fn every_shell_completes_every_command() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = printed(&["completions", shell]);
        for command in COMMANDS {
            assert!(script.contains(command), "{shell}: {command}");
        }
        assert!(script.contains("if-revision") && script.contains("until-revision"), "{shell}");
    }
    let ended = run(&mut mainspring(&["completions", "tcsh"]));
    assert_eq!(ended.code, 2, "{}", ended.err);
}

#[test]
fn there_is_a_page_for_every_command() {
    let all = printed(&["man"]);
    let folder = fresh("man");
    let ended = run(&mut mainspring(&["man", folder.to_str().expect("text")]));
    assert_eq!((ended.code, ended.out.as_str()), (0, ""), "{}", ended.err);
    let main = fs::read_to_string(folder.join("mainspring.1")).expect("a page");
    for command in COMMANDS.iter().filter(|command| **command != "help") {
        assert!(main.contains(&format!("mainspring\\-{command}(1)")), "{command}");
        let page =
            fs::read_to_string(folder.join(format!("mainspring-{command}.1"))).expect(command);
        assert!(page.contains(".SH SYNOPSIS"), "{command}");
        assert!(all.contains(&format!(".TH mainspring-{command}")), "{command}");
    }
    assert!(main.contains("Exit codes"), "{main}");
}
