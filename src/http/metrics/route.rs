//! Which route a request is for, told by its path alone.
//!
//! The router says it too, but only to handlers, in an allocation, and not of requests that never reach it.

use axum::http;

macro_rules! routes {
    ($($route:ident $pattern:literal,)*) => {
        /// Where a request goes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(in crate::http) enum Route {
            $($route,)*
        }

        impl Route {
            pub(super) const ALL: &[Self] = &[$(Self::$route,)*];

            /// Its path, with the names of what is in it.
            pub(in crate::http) fn pattern(self) -> &'static str {
                match self {
                    $(Self::$route => $pattern,)*
                }
            }
        }
    };
}

routes! {
    Set "/api/v1/set",
    Entry "/api/v1/{key}",
    Push "/api/v1/{key}/push",
    Pop "/api/v1/{key}/pop",
    Range "/api/v1/{key}/range",
    Ttl "/api/v1/{key}/ttl",
    Keys "/keys",
    Batch "/batch",
    Watch "/watch",
    Stats "/stats",
    Compact "/compact",
    Backup "/backup",
    Flush "/flush",
    Raw "/v1/{key}",
    Docs "/docs",
    Accounts "/auth",
    // Of the other port.
    Health "/health",
    Alive "/healthz",
    Ready "/readyz",
    Started "/started",
    Metrics "/metrics",
    Other "other",
}

impl Route {
    /// Whether it asks how the server is: that it is not well is what it is there to say, and no failure.
    pub(in crate::http) fn is_check(self) -> bool {
        matches!(self, Self::Health | Self::Alive | Self::Ready | Self::Started)
    }

    pub(in crate::http) fn of(path: &str) -> Self {
        let parts = path.strip_prefix('/').unwrap_or(path);
        let Some((first, rest)) = parts.split_once('/') else {
            return match parts {
                "keys" => Self::Keys,
                "batch" => Self::Batch,
                "watch" => Self::Watch,
                "stats" => Self::Stats,
                "compact" => Self::Compact,
                "backup" => Self::Backup,
                "flush" => Self::Flush,
                "health" => Self::Health,
                "healthz" => Self::Alive,
                "readyz" => Self::Ready,
                "started" => Self::Started,
                "metrics" => Self::Metrics,
                "docs" | "openapi.json" => Self::Docs,
                "auth" => Self::Accounts,
                _ => Self::Other,
            };
        };
        match (first, rest.strip_prefix("v1/")) {
            ("api", Some("" | "docs/")) => Self::Other,
            ("api", Some("set")) => Self::Set,
            ("api", Some(rest)) => match rest.split_once('/') {
                None => Self::Entry,
                Some(("", _)) => Self::Other,
                Some((_, "push")) => Self::Push,
                Some((_, "pop")) => Self::Pop,
                Some((_, "range")) => Self::Range,
                Some((_, "ttl")) => Self::Ttl,
                Some(("docs", _)) => Self::Docs,
                Some(_) => Self::Other,
            },
            ("v1", _) if !rest.is_empty() && !rest.contains('/') => Self::Raw,
            ("docs", _) => Self::Docs,
            ("auth", _) => Self::Accounts,
            _ => Self::Other,
        }
    }
}

/// How it asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Method {
    Get,
    Head,
    Put,
    Post,
    Patch,
    Delete,
    Options,
    Other,
}

impl Method {
    pub(super) const ALL: [Self; 8] = [
        Self::Get,
        Self::Head,
        Self::Put,
        Self::Post,
        Self::Patch,
        Self::Delete,
        Self::Options,
        Self::Other,
    ];

    pub(in crate::http) fn of(method: &http::Method) -> Self {
        match *method {
            http::Method::GET => Self::Get,
            http::Method::HEAD => Self::Head,
            http::Method::PUT => Self::Put,
            http::Method::POST => Self::Post,
            http::Method::PATCH => Self::Patch,
            http::Method::DELETE => Self::Delete,
            http::Method::OPTIONS => Self::Options,
            _ => Self::Other,
        }
    }

    pub(in crate::http) fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Put => "PUT",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Other => "other",
        }
    }
}

/// Every command that the interface has.
pub(super) const COMMANDS: [&str; 14] = [
    "get", "set", "update", "remove", "push", "pop", "expire", "range", "keys", "batch", "watch",
    "clear", "compact", "backup",
];

/// The command that a request asks for, if it does.
pub(super) fn command(route: Route, method: Method) -> Option<&'static str> {
    use Method::{Delete, Get, Head, Patch, Post, Put};
    Some(match (route, method) {
        (Route::Set, Post) => "set",
        (Route::Entry | Route::Set | Route::Raw, Get | Head) => "get",
        (Route::Entry | Route::Set | Route::Raw, Put) => "set",
        (Route::Entry | Route::Set, Patch) => "update",
        (Route::Entry | Route::Set | Route::Raw, Delete) => "remove",
        (Route::Push, Post | Patch) => "push",
        (Route::Pop, Post | Patch) => "pop",
        (Route::Ttl, Post | Patch) => "expire",
        (Route::Range, Get | Head) => "range",
        (Route::Keys, Get | Head) => "keys",
        (Route::Batch, Post) => "batch",
        (Route::Watch, Get | Head) => "watch",
        (Route::Flush, Delete) => "clear",
        (Route::Compact, Post) => "compact",
        (Route::Backup, Get | Head) => "backup",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_of_the_route_that_it_matches() {
        for route in Route::ALL {
            let path = route.pattern().replace("{key}", "a%2Fb");
            assert_eq!(Route::of(&path), *route, "{path}");
        }
        for (path, route) in [
            ("/api/v1/docs", Route::Entry),
            ("/api/v1/docs/swagger.yaml", Route::Docs),
            ("/api/v1/docs/index.html", Route::Docs),
            ("/docs/swagger-ui.css", Route::Docs),
            ("/openapi.json", Route::Docs),
            ("/api/v1/push", Route::Entry),
            ("/api/v1/docs/push", Route::Push),
            ("/api/v1//push", Route::Other),
            ("/api/v1/", Route::Other),
            ("/api/v1", Route::Other),
            ("/api/v1/k/length", Route::Other),
            ("/api/v1/k/push/", Route::Other),
            ("/v1/", Route::Other),
            ("/v1/a/b", Route::Other),
            ("/", Route::Other),
            ("", Route::Other),
            ("/keys/", Route::Other),
            ("*", Route::Other),
        ] {
            assert_eq!(Route::of(path), route, "{path}");
        }
    }

    #[test]
    fn every_command_can_be_asked_for() {
        for name in COMMANDS {
            let mut all = Route::ALL.iter().flat_map(|route| Method::ALL.map(|m| (*route, m)));
            assert!(all.any(|(route, method)| command(route, method) == Some(name)), "{name}");
        }
        let mut all = Route::ALL.iter().flat_map(|route| Method::ALL.map(|m| (*route, m)));
        assert!(all.all(|(r, m)| command(r, m).is_none_or(|name| COMMANDS.contains(&name))));
    }

    #[test]
    fn the_router_has_the_same_routes() {
        for (pattern, _) in crate::http::routes::TABLE {
            let route = Route::of(&pattern.replace("{key}", "k").replace("{file}", "index.html"));
            assert!(route == Route::Docs || route.pattern() == *pattern, "{pattern}: {route:?}");
        }
    }
}
