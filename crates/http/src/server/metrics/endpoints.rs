//! Metrics of requests, by route and method.
//!
//! The router knows the route too, but passes it only to handlers, in an allocation, and not for requests that it rejects.
//! So the path of each request is matched here first.

use std::sync::LazyLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use axum::http::Method;

use super::outcome::{OUTCOMES, Outcome};
use super::times::Times;
use crate::protocol::{Operation, Tag};

/// The methods with metrics of their own. The last stands for all others.
const METHODS: [&str; 8] = ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "other"];

/// The routes of all operations, by the index of their label.
static ROUTES: LazyLock<Routes> = LazyLock::new(Routes::new);

struct Routes {
    paths: matchit::Router<usize>,
    labels: Vec<&'static str>,
}

impl Routes {
    fn new() -> Self {
        let (mut paths, mut labels) = (matchit::Router::new(), Vec::new());
        for (operation, path) in operations() {
            let label = label(operation, path);
            let index = labels.iter().position(|other| *other == label).unwrap_or_else(|| {
                labels.push(label);
                labels.len() - 1
            });
            // A path with several methods is inserted once.
            let _ = paths.insert(path, index);
        }
        labels.push("other");
        Self { paths, labels }
    }
}

fn operations() -> impl Iterator<Item = (Operation, &'static str)> {
    Operation::ALL.iter().flat_map(|operation| operation.paths().map(|path| (*operation, path)))
}

/// The label of a route: its path, or the name of its group.
fn label(operation: Operation, path: &'static str) -> &'static str {
    match operation.tag() {
        Tag::Description => "/docs",
        Tag::Accounts => "/auth",
        _ => path,
    }
}

/// The index of a route and a method in the [`Endpoints`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) struct EndpointId(usize);

impl EndpointId {
    /// The endpoint of a request.
    pub(in crate::server) fn of(path: &str, method: &Method) -> Self {
        // matchit accepts an empty key in the middle of a path.
        let is_filled = |found: &matchit::Match<'_, '_, &usize>| {
            found.params.iter().all(|(_, value)| !value.is_empty())
        };
        let found = ROUTES.paths.at(path).ok().filter(is_filled);
        let route = found.map_or(ROUTES.labels.len() - 1, |found| *found.value);
        let method = METHODS.iter().position(|name| *name == method.as_str());
        Self(route * METHODS.len() + method.unwrap_or(METHODS.len() - 1))
    }
}

/// Metrics of all routes and methods.
#[derive(Debug)]
pub(super) struct Endpoints(Box<[Endpoint]>);

/// Metrics of one route and method.
#[derive(Debug)]
pub(in crate::server) struct Endpoint {
    pub(in crate::server) route: &'static str,
    pub(in crate::server) method: &'static str,
    /// The command of the operation, if it has one.
    pub(super) command: Option<&'static str>,
    /// Whether it is a health check, for which a 5xx status is a regular result and not a failure.
    pub(in crate::server) is_check: bool,
    pub(super) outcomes: Box<[AtomicU64]>,
    pub(super) times: Times,
}

impl Endpoint {
    fn new(route: &'static str, method: &'static str) -> Self {
        // A path that supports GET also supports HEAD.
        let handled = if method == "HEAD" { "GET" } else { method };
        let of_route = || operations().filter(|(operation, path)| label(*operation, path) == route);
        let is_check = of_route().any(|(operation, _)| operation.tag() == Tag::Health);
        let command = of_route().find(|(operation, _)| operation.method() == handled);
        Self {
            route,
            method,
            command: command.and_then(|(operation, _)| operation.command()),
            is_check,
            outcomes: OUTCOMES.iter().map(|_| AtomicU64::new(0)).collect(),
            times: Times::default(),
        }
    }

    /// Counts a request with its duration.
    pub(in crate::server) fn record(&self, outcome: Outcome, took: Duration) {
        self.outcomes[outcome.index()].fetch_add(1, Relaxed);
        self.times.add(took);
    }
}

impl Endpoints {
    pub(super) fn get(&self, EndpointId(index): EndpointId) -> &Endpoint {
        &self.0[index]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Endpoint> {
        self.0.iter()
    }

    /// Returns the endpoints of each command, in the order of the table.
    pub(super) fn by_command(&self) -> Vec<(&'static str, Vec<&Endpoint>)> {
        let mut commands: Vec<(_, Vec<_>)> = Vec::new();
        for name in Operation::ALL.iter().filter_map(|operation| operation.command()) {
            if commands.iter().all(|(other, _)| *other != name) {
                let of_command = self.iter().filter(|endpoint| endpoint.command == Some(name));
                commands.push((name, of_command.collect()));
            }
        }
        commands
    }
}

impl Default for Endpoints {
    fn default() -> Self {
        let endpoints = |route: &&'static str| METHODS.map(|method| Endpoint::new(route, method));
        Self(ROUTES.labels.iter().flat_map(endpoints).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route_of(path: &str) -> &'static str {
        let EndpointId(index) = EndpointId::of(path, &Method::GET);
        ROUTES.labels[index / METHODS.len()]
    }

    #[test]
    fn path_has_the_label_of_its_route() {
        for (operation, path) in operations() {
            let filled = path.replace("{key}", "a%2Fb").replace("{file}", "index.html");
            assert_eq!(route_of(&filled), label(operation, path), "{path}");
        }
        for (path, route) in [
            ("/api/v1/docs", "/api/v1/{key}"),
            ("/api/v1/docs/swagger.yaml", "/docs"),
            ("/api/v1/docs/swagger/index.html", "/docs"),
            ("/docs/swagger-ui.css", "/docs"),
            ("/openapi.json", "/docs"),
            ("/auth/login", "/auth"),
            ("/api/v1/push", "/api/v1/{key}"),
            ("/api/v1/docs/push", "/api/v1/{key}/push"),
            ("/api/v1//push", "other"),
            ("/api/v1/", "other"),
            ("/api/v1", "other"),
            ("/api/v1/k/length", "other"),
            ("/api/v1/k/push/", "other"),
            ("/v1/", "other"),
            ("/v1/a/b", "other"),
            ("/", "other"),
            ("", "other"),
            ("/keys/", "other"),
            ("/api/v1/docs/index.html", "other"),
            ("/auth/x", "other"),
            ("/docs/a/b", "other"),
            ("/entry/trim", "/entry/trim"),
            ("/entry/trim/", "other"),
            ("*", "other"),
        ] {
            assert_eq!(route_of(path), route, "{path}");
        }
    }

    #[test]
    fn every_command_has_an_endpoint() {
        let endpoints = Endpoints::default();
        let commands = endpoints.by_command();
        assert_eq!(commands.len(), 15);
        for (name, of_command) in commands {
            assert!(!of_command.is_empty(), "{name}");
        }
        for (path, method, command) in [
            ("/api/v1/set", Method::POST, Some("set")),
            ("/api/v1/set", Method::HEAD, Some("get")),
            ("/api/v1/set", Method::PATCH, Some("update")),
            ("/v1/k", Method::DELETE, Some("remove")),
            ("/api/v1/k/ttl", Method::PATCH, Some("expire")),
            ("/flush", Method::DELETE, Some("clear")),
            ("/flush", Method::GET, None),
            ("/auth/login", Method::POST, None),
            ("/stats", Method::GET, None),
        ] {
            let endpoint = endpoints.get(EndpointId::of(path, &method));
            assert_eq!(endpoint.command, command, "{method} {path}");
        }
    }

    #[test]
    fn health_checks_are_marked() {
        let endpoints = Endpoints::default();
        for (path, is_check) in
            [("/health", true), ("/readyz", true), ("/metrics", false), ("/keys", false)]
        {
            assert_eq!(
                endpoints.get(EndpointId::of(path, &Method::GET)).is_check,
                is_check,
                "{path}"
            );
        }
    }
}
