//! The settings on the command line and in the environment.

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, Error, FromArgMatches};

use super::kind::Form;
use super::settings::TABLE;
use super::source::{Source, Values};
use super::table::Setting;

/// What flags and variables say; made from the table, so not derived.
#[derive(Debug, Default)]
pub struct Given(pub Values);

impl clap::Args for Given {
    fn augment_args(command: Command) -> Command {
        command.args(TABLE.iter().map(arg))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn arg(setting: &Setting) -> Arg {
    let arg = Arg::new(setting.name)
        .long(setting.flag())
        .env(setting.variable())
        .hide_env_values(true)
        .value_name(setting.value_name)
        .help(setting.help.trim_start())
        .help_heading(match setting.section {
            "http" => "HTTP",
            "tls" => "Encryption",
            "auth" => "Authentication",
            "store" => "Store",
            "limits" => "Limits",
            _ => "Log",
        })
        // Only the help shows it: below a file counts more than a default.
        .default_value(setting.default)
        .hide_default_value(setting.default.is_empty());
    match setting.form {
        Form::One => arg,
        Form::Switch => arg.num_args(0..=1).require_equals(true).default_missing_value("true"),
        Form::List => arg.action(ArgAction::Append),
    }
}

impl FromArgMatches for Given {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut given = Self::default();
        given.update_from_arg_matches(matches)?;
        Ok(given)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        for setting in TABLE {
            let source = match matches.value_source(setting.name) {
                Some(ValueSource::CommandLine) => Source::Flag { name: setting.flag() },
                Some(ValueSource::EnvVariable) => {
                    Source::Environment { variable: setting.variable() }
                }
                _ => continue,
            };
            let texts = matches.get_many::<String>(setting.name).into_iter().flatten();
            let mut text = texts.map(String::as_str).collect::<Vec<_>>().join(",");
            if matches!(source, Source::Environment { .. }) {
                text = unquoted(&text).into();
                if text.is_empty() {
                    continue; // As `PORT=${PORT}` leaves it, where nobody has set it.
                }
            }
            self.0.insert(setting.name, (text, source));
        }
        Ok(())
    }
}

/// The list of a compose file keeps the quotes of `- API_VERSION="v1.0.0"`, which 002's has.
pub fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text)
}
