//! What a setting is, and the macro that makes of one line each a flag, a variable, a key and a typed field.

use super::kind::Form;

/// What is the same of every setting, whatever its type.
#[derive(Debug)]
pub struct Setting {
    /// In snake case: its key in a file; the flag has dashes in place of underscores.
    pub name: &'static str,
    /// The table of the file that it belongs to.
    pub section: &'static str,
    pub help: &'static str,
    pub value_name: &'static str,
    pub form: Form,
    pub default: &'static str,
    /// The name that document 002 gave its variable; none for those that are our own.
    pub given_variable: &'static [&'static str],
}

impl Setting {
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    pub fn variable(&self) -> String {
        match self.given_variable {
            [variable, ..] => (*variable).into(),
            [] => format!("MAINSPRING_{}", self.name.to_ascii_uppercase()),
        }
    }

    /// Its key within its section, where `log_level` is just `level`.
    pub fn key(&self) -> &'static str {
        let short = self.name.strip_prefix(self.section).and_then(|rest| rest.strip_prefix('_'));
        short.unwrap_or(self.name)
    }
}

/// A line is: help, name, type of the field, kind, default, and the variable if it is one of 002's.
macro_rules! settings {
    ($($section:ident {
        $($(#[doc = $help:literal])+ $name:ident: $type:ty = $kind:ident($default:literal) $($variable:literal)?;)*
    })*) => {
        /// The configuration of a server: every value is fit for use.
        #[derive(Debug, Clone, PartialEq)]
        pub struct Settings {
            $($($(#[doc = $help])+ pub $name: $type,)*)*
        }

        /// Every setting, section by section.
        pub const TABLE: &[Setting] = &[$($(Setting {
            name: stringify!($name),
            section: stringify!($section),
            help: concat!($($help),+),
            value_name: kind::$kind.value_name,
            form: kind::$kind.form,
            default: $default,
            given_variable: &[$($variable)?],
        },)*)*];

        impl Settings {
            /// Read each from its text. What cannot be read is added to the problems, and then there are none.
            pub fn read(values: &Values, problems: &mut Problems) -> Option<Self> {
                $($(let $name = read(stringify!($name), kind::$kind.read, values, problems);)*)*
                Some(Self { $($($name: $name?,)*)* })
            }

            /// Each as a file has it, in the order of the table.
            pub fn write(&self) -> Vec<toml::Value> {
                vec![$($((kind::$kind.write)(&self.$name),)*)*]
            }
        }
    };
}
pub(super) use settings;
