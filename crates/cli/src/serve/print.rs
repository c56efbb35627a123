//! `serve --print-config`: prints the configuration as a file.

use super::configuration::Configuration;
use super::settings::TABLE;
use super::source::Source;
use crate::output::print_line;

/// Settings of the earlier Go server that the setting `journal` replaces.
const COVERED_BY_JOURNAL: [&str; 2] = ["persistence_enabled", "db_path"];

/// Print the configuration so that `--config` accepts it.
pub fn print(configuration: &Configuration) -> std::io::Result<()> {
    print_line(text(configuration).trim_end())
}

fn text(configuration: &Configuration) -> String {
    let mut text = String::from(
        "# Configuration of `mainspring serve` with the source of each value. Save it to a file and pass it with --config.\n",
    );
    let mut section = "";
    for (setting, value) in TABLE.iter().zip(configuration.settings.write()) {
        if COVERED_BY_JOURNAL.contains(&setting.name) {
            continue;
        }
        if setting.section != section {
            section = setting.section;
            text += &format!("\n[{section}]\n");
        }
        let (_, source) = &configuration.values[setting.name];
        if setting.name == "admin_password" {
            if *source != Source::Default {
                text += &format!("# {} is hidden # {source}\n", setting.key());
            }
            continue;
        }
        // A file name can contain line breaks.
        let source = source.to_string().replace(char::is_control, "?");
        text += &format!("{} = {value} # {source}\n", setting.key());
    }
    text
}
