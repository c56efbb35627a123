//! The paths that a source text uses, and those that it re-exports.

/// The segments of a path, and whether it is re-exported.
pub(crate) struct Path {
    pub(crate) segments: Vec<String>,
    pub(crate) is_export: bool,
}

/// The text without comments and without test modules.
pub(crate) fn without_tests(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut kept = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at].trim();
        let is_test = line.starts_with("#[cfg(test)]") || line.starts_with("#[cfg(all(test");
        let begins = lines.get(at + 1).filter(|next| is_test && next.trim_end().ends_with('{'));
        if let Some(begins) = begins {
            let indent = begins.len() - begins.trim_start().len();
            let end = format!("{}}}", " ".repeat(indent));
            at += lines[at..].iter().position(|line| **line == end).map_or(lines.len(), |n| n + 1);
            continue;
        }
        if !line.starts_with("//") {
            kept.push(lines[at]);
        }
        at += 1;
    }
    kept.join("\n")
}

/// Every path that begins with `crate`, `self` or `super`: those of `use` lines, and those in the code.
pub(crate) fn of(text: &str) -> Vec<Path> {
    let mut paths = Vec::new();
    let mut code = String::new();
    let mut rest = text;
    while let Some(at) = find_use(rest) {
        let line_start = rest[..at].rfind('\n').map_or(0, |n| n + 1);
        let is_export = rest[line_start..at].trim_start().starts_with("pub");
        let Some(length) = rest[at..].find(';') else { break };
        for segments in expand(rest[at + 4..at + length].trim()) {
            paths.push(Path { segments, is_export });
        }
        code.push_str(&rest[..line_start]);
        rest = &rest[at + length + 1..];
    }
    code.push_str(rest);
    for root in ["crate::", "super::"] {
        for (at, _) in code.match_indices(root) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || "_:".contains(c)) {
                continue;
            }
            let end = code[at..].find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
            let path = code[at..].split_at(end.unwrap_or(code.len() - at)).0.trim_end_matches(':');
            let segments = path.split("::").map(str::to_owned).collect();
            paths.push(Path { segments, is_export: false });
        }
    }
    paths.retain(|path| ["crate", "self", "super"].contains(&path.segments[0].as_str()));
    paths
}

/// Where the next `use ` is that begins an item.
fn find_use(text: &str) -> Option<usize> {
    text.match_indices("use ").map(|(at, _)| at).find(|at| {
        let before = text[..*at].rsplit('\n').next().unwrap_or_default().trim_start();
        before.is_empty() || (before.starts_with("pub") && !before.contains(['=', '{', '"']))
    })
}

/// The paths of a `use` with its braces resolved. A name after `as` is kept in the last segment.
fn expand(text: &str) -> Vec<Vec<String>> {
    let Some(open) = text.find('{') else {
        return vec![text.split("::").map(|name| name.trim().to_owned()).collect()];
    };
    let close = text.rfind('}').unwrap_or(text.len());
    let before: Vec<String> = text[..open]
        .split("::")
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect();
    let mut depth = 0;
    let parts = text[open + 1..close].split(move |c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    let parts = parts.filter(|part| !part.trim().is_empty());
    parts
        .flat_map(|part| {
            expand(part.trim()).into_iter().map(|after| [before.clone(), after].concat())
        })
        .collect()
}
