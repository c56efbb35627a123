//! URLs of servers in messages.

use reqwest::Url;

/// Remove the user name and the password from a URL.
pub fn shown(url: &str) -> String {
    let text = url.trim();
    match Url::parse(text) {
        Ok(mut url) if url.scheme() == "http" => {
            // Neither fails for a URL with a host, and every http URL has one.
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.as_str().trim_end_matches('/').into()
        }
        // Not a valid URL: everything before the last @ may be a password.
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
    fn password_is_hidden() {
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
