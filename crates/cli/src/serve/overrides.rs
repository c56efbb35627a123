//! Settings from the command line and the environment.

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, Error, FromArgMatches};

use super::settings::TABLE;
use super::source::{Source, Values};
use super::table::Setting;
use super::value_type::Form;

/// Values of flags and environment variables. Built from the table of settings instead of derived by clap.
#[derive(Debug, Default)]
pub struct Overrides(pub Values);

impl clap::Args for Overrides {
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
            "tls" => "TLS",
            "auth" => "Authentication",
            "store" => "Store",
            "limits" => "Limits",
            _ => "Log",
        })
        // Only for the help: the value of a file overrides a default, which clap cannot express.
        .default_value(setting.default)
        .hide_default_value(setting.default.is_empty());
    match setting.form {
        Form::One => arg,
        Form::Switch => arg.num_args(0..=1).require_equals(true).default_missing_value("true"),
        Form::List => arg.action(ArgAction::Append),
    }
}

impl FromArgMatches for Overrides {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut overrides = Self::default();
        overrides.update_from_arg_matches(matches)?;
        Ok(overrides)
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
                    continue; // `PORT=${PORT}` in a compose file, with PORT unset.
                }
            }
            self.0.insert(setting.name, (text, source));
        }
        Ok(())
    }
}

/// Remove quotes, which a list in a compose file keeps: `- API_VERSION="v1.0.0"`.
pub fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text)
}
