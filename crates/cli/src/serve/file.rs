//! The settings in a file.

use std::fs;
use std::path::Path;
use std::rc::Rc;

use toml::de::{DeTable, DeValue};

use super::settings::TABLE;
use super::source::{Problems, Source, Values};
use super::table::Setting;

/// How alike a key and a setting are, for the one to be taken for the other misspelled.
const ALIKE: f64 = 0.8;

/// Read a file of settings: TOML, with a table for each section, or flat.
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
        let place = |key: String, at| Source::File { path: Rc::clone(&shown), key, line: line(at) };
        let section = key.get_ref().as_ref();
        match value.get_ref() {
            DeValue::Table(inner) if is_section(section) => {
                for (key, value) in inner {
                    let source = place(format!("{section}.{}", key.get_ref()), key.span().start);
                    take(Some(section), key.get_ref(), value.get_ref(), source, values, problems);
                }
            }
            value => {
                let source = place(section.to_owned(), key.span().start);
                take(None, section, value, source, values, problems);
            }
        }
    }
}

fn is_section(name: &str) -> bool {
    TABLE.iter().any(|setting| setting.section == name)
}

fn take(
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
        let problem = format!("this is a {}, and not a value that can be set", value.type_str());
        return problems.at(&source, problem);
    };
    if let Some((_, earlier @ Source::File { .. })) = values.get(setting.name) {
        return problems.at(&source, format_args!("given already: {earlier}"));
    }
    values.insert(setting.name, (text, source));
}

fn find(section: Option<&str>, key: &str) -> Option<&'static Setting> {
    TABLE.iter().find(|setting| match section {
        Some(section) => section == setting.section && [setting.name, setting.key()].contains(&key),
        None => setting.name == key,
    })
}

/// A value as a flag would have it.
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
        return format!("this belongs into [{}]", setting.section);
    }
    let sections = TABLE.iter().map(|setting| format!("[{}]", setting.section));
    let keys = TABLE.iter().flat_map(|setting| [setting.name, setting.key()]);
    let names = keys.map(|key| format!("`{key}`"));
    let likeness = |name: &str| strsim::jaro_winkler(name.trim_matches(['`', '[', ']']), key);
    let near = names.chain(section.is_none().then_some(sections).into_iter().flatten());
    let nearest = near.max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    match nearest.filter(|name| likeness(name) > ALIKE) {
        Some(name) => format!("there is no such setting; did you mean {name}?"),
        None => "there is no such setting; `mainspring serve --print-config` shows all".into(),
    }
}
