//! Addresses of servers, as they are shown.

use reqwest::Url;

/// Without the name and the password that may be in it.
pub fn shown(url: &str) -> String {
    let text = url.trim();
    match Url::parse(text) {
        Ok(mut url) if url.scheme() == "http" => {
            // Neither can fail where there is a host, and http has one.
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.as_str().trim_end_matches('/').into()
        }
        // Nobody knows what is what in it, so everything before the last @ is left out.
        _ => match text.rsplit_once('@') {
            Some((hidden, rest)) => {
                let scheme = ["http://", "https://"].into_iter().find(|s| hidden.starts_with(s));
                format!("{}{rest}", scheme.unwrap_or_default())
            }
            None => text.into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        for (url, text) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            (" http://ada:secret@h:1/store/ ", "http://h:1/store"),
            ("http://h/a@b", "http://h/a@b"),
            ("https://ada:secret@h", "https://h"),
            ("http://ada:sec/ret@h", "http://h"),
            ("http://ada:sec@ret@h:port", "http://h:port"),
            ("ada:secret@h", "h"),
            ("ada:sec://ret@h://", "h://"),
            ("nonsense", "nonsense"),
            ("", ""),
        ] {
            assert_eq!(shown(url), text, "{url}");
        }
    }
}
