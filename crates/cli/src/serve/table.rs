//! The description of a setting, and the macro that derives a flag, a variable, a file key and a typed field from one
//! line.

use super::value_type::Form;

/// The description of a setting, independent of its type.
#[derive(Debug)]
pub struct Setting {
    /// In snake case, as in a file. The flag has dashes instead of underscores.
    pub name: &'static str,
    /// Its table in a configuration file.
    pub section: &'static str,
    pub help: &'static str,
    pub value_name: &'static str,
    pub form: Form,
    pub default: &'static str,
    /// The name of its variable in the earlier Go server, if it had this setting.
    pub legacy_variable: &'static [&'static str],
}

impl Setting {
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    pub fn variable(&self) -> String {
        match self.legacy_variable {
            [variable, ..] => (*variable).into(),
            [] => format!("MAINSPRING_{}", self.name.to_ascii_uppercase()),
        }
    }

    /// The key within its table: `level` for `log_level`.
    pub fn key(&self) -> &'static str {
        let short = self.name.strip_prefix(self.section).and_then(|rest| rest.strip_prefix('_'));
        short.unwrap_or(self.name)
    }
}

/// Defines the settings. A line has help, name, type of the field, value type, default, and the variable name of the
/// earlier Go server, if it had one.
macro_rules! settings {
    ($($section:ident {
        $($(#[doc = $help:literal])+ $name:ident: $type:ty = $kind:ident($default:literal) $($variable:literal)?;)*
    })*) => {
        /// The configuration of a server: all values are valid.
        #[derive(Debug, Clone, PartialEq)]
        pub struct Settings {
            $($($(#[doc = $help])+ pub $name: $type,)*)*
        }

        /// All settings, by section.
        pub const TABLE: &[Setting] = &[$($(Setting {
            name: stringify!($name),
            section: stringify!($section),
            help: concat!($($help),+),
            value_name: value_type::$kind.value_name,
            form: value_type::$kind.form,
            default: $default,
            legacy_variable: &[$($variable)?],
        },)*)*];

        impl Settings {
            /// Parse all settings. Returns `None` and adds to the problems if a value is invalid.
            pub fn read(values: &Values, problems: &mut Problems) -> Option<Self> {
                $($(let $name = read(stringify!($name), value_type::$kind.read, values, problems);)*)*
                Some(Self { $($($name: $name?,)*)* })
            }

            /// Convert all settings to values of a configuration file, in the order of the table.
            pub fn write(&self) -> Vec<toml::Value> {
                vec![$($((value_type::$kind.write)(&self.$name),)*)*]
            }
        }
    };
}
pub(super) use settings;
