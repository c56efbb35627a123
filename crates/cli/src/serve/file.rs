//! Settings in a configuration file.

use std::fs;
use std::path::Path;
use std::rc::Rc;

use toml::de::{DeTable, DeValue};

use super::settings::TABLE;
use super::source::{Problems, Source, Values};
use super::table::Setting;

/// The similarity from which a key is taken for a misspelled setting.
const MIN_SIMILARITY: f64 = 0.8;

/// Read a TOML file, with a table for each section or without tables.
pub fn read(path: &Path, values: &mut Values, problems: &mut Problems) {
    let shown: Rc<str> = path.display().to_string().into();
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => return problems.add(format_args!("cannot read {shown}: {error}")),
    };
    let table = match DeTable::parse(&text) {
        Ok(table) => table,
        Err(error) => return problems.add(format_args!("{shown}: {error}")),
    };
    let line = |at: usize| text[..at].matches('\n').count() + 1;
    for (key, value) in table.get_ref() {
        let source_of =
            |key: String, at| Source::File { path: Rc::clone(&shown), key, line: line(at) };
        let section = key.get_ref().as_ref();
        match value.get_ref() {
            DeValue::Table(inner) if is_section(section) => {
                for (key, value) in inner {
                    let source =
                        source_of(format!("{section}.{}", key.get_ref()), key.span().start);
                    read_value(
                        Some(section),
                        key.get_ref(),
                        value.get_ref(),
                        source,
                        values,
                        problems,
                    );
                }
            }
            value => {
                let source = source_of(section.to_owned(), key.span().start);
                read_value(None, section, value, source, values, problems);
            }
        }
    }
}

fn is_section(name: &str) -> bool {
    TABLE.iter().any(|setting| setting.section == name)
}

fn read_value(
    section: Option<&str>,
    key: &str,
    value: &DeValue<'_>,
    source: Source,
    values: &mut Values,
    problems: &mut Problems,
) {
    let Some(setting) = find(section, key) else {
        return problems.at(&source, unknown(section, key));
    };
    let Some(text) = text_of(value) else {
        let problem = format!(
            "invalid type {}; expected a text, a number, a boolean or a list",
            value.type_str()
        );
        return problems.at(&source, problem);
    };
    if let Some((_, earlier @ Source::File { .. })) = values.get(setting.name) {
        return problems.at(&source, format_args!("duplicate setting, set already by {earlier}"));
    }
    values.insert(setting.name, (text, source));
}

fn find(section: Option<&str>, key: &str) -> Option<&'static Setting> {
    TABLE.iter().find(|setting| match section {
        Some(section) => section == setting.section && [setting.name, setting.key()].contains(&key),
        None => setting.name == key,
    })
}

/// Convert a value to the text that a flag would have.
fn text_of(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Boolean(on) => Some(on.to_string()),
        DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix())
            .ok()
            .map(|number| number.to_string()),
        DeValue::Float(number) => Some(number.as_str().into()),
        DeValue::Array(values) => {
            let texts: Option<Vec<_>> =
                values.iter().map(|value| text_of(value.get_ref())).collect();
            Some(texts?.join(","))
        }
        DeValue::Datetime(_) | DeValue::Table(_) => None,
    }
}

fn unknown(section: Option<&str>, key: &str) -> String {
    if let (Some(_), Some(setting)) = (section, TABLE.iter().find(|setting| setting.name == key)) {
        return format!("wrong table; expected it in [{}]", setting.section);
    }
    let sections = TABLE.iter().map(|setting| format!("[{}]", setting.section));
    let keys = TABLE.iter().flat_map(|setting| [setting.name, setting.key()]);
    let names = keys.map(|key| format!("`{key}`"));
    let similarity = |name: &str| strsim::jaro_winkler(name.trim_matches(['`', '[', ']']), key);
    let near = names.chain(section.is_none().then_some(sections).into_iter().flatten());
    let nearest = near.max_by(|a, b| similarity(a).total_cmp(&similarity(b)));
    match nearest.filter(|name| similarity(name) > MIN_SIMILARITY) {
        Some(name) => format!("unknown setting; did you mean {name}?"),
        None => "unknown setting; `mainspring serve --print-config` lists all".into(),
    }
}
