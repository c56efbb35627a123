//! `serve --print-config`: the configuration as a file.

use super::resolve::Resolved;
use super::settings::TABLE;
use super::source::Source;
use crate::output::say;

/// What 002 says in two settings `journal` says in one.
const SAID_BY_JOURNAL: [&str; 2] = ["persistence_enabled", "db_path"];

/// Print it so that it can be given back.
pub fn print(resolved: &Resolved) -> std::io::Result<()> {
    say(text(resolved).trim_end())
}

fn text(resolved: &Resolved) -> String {
    let mut text = String::from(
        "# The configuration of `mainspring serve`, and where each value is from. As a file it goes to --config.\n",
    );
    let mut section = "";
    for (setting, value) in TABLE.iter().zip(resolved.settings.write()) {
        if SAID_BY_JOURNAL.contains(&setting.name) {
            continue;
        }
        if setting.section != section {
            section = setting.section;
            text += &format!("\n[{section}]\n");
        }
        let (_, source) = &resolved.values[setting.name];
        if setting.name == "admin_password" {
            if *source != Source::Default {
                text += &format!("# {} is not shown # {source}\n", setting.key());
            }
            continue;
        }
        // The name of a file may hold anything.
        let source = source.to_string().replace(char::is_control, "?");
        text += &format!("{} = {value} # {source}\n", setting.key());
    }
    text
}
