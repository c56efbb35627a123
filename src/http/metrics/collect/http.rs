//! Requests, commands and connections.

use std::fmt;
use std::sync::atomic::Ordering::Relaxed;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType::{Counter, Histogram};
use prometheus_client::registry::Unit;

use super::writer::{Family, Writer};
use crate::http::metrics::outcome::OUTCOMES;
use crate::http::metrics::route::{COMMANDS, command};
use crate::http::metrics::times::Sum;
use crate::http::metrics::{Cell, Method, Metrics, Route};

#[derive(Debug)]
pub(super) struct Http(pub(super) Metrics);

impl Http {
    fn cells(&self) -> impl Iterator<Item = (Route, Method, &Cell)> {
        let methods = |route: &Route| Method::ALL.map(|method| (*route, method));
        let all = Route::ALL.iter().flat_map(methods);
        all.map(|(route, method)| (route, method, self.0.cell(route, method)))
    }

    /// Those of one command.
    fn of(&self, name: &str) -> impl Iterator<Item = &Cell> {
        self.cells().filter(move |(r, m, _)| command(*r, *m) == Some(name)).map(|(.., cell)| cell)
    }

    fn commands(&self, mut to: Family<'_, '_>) -> fmt::Result {
        for name in COMMANDS {
            // Always there, so that a rate can be told from the first one on.
            for (outcome, count) in self.by(self.of(name), |(outcome, _)| outcome, Some("ok")) {
                to.counter(&[("command", name), ("outcome", outcome)], count)?;
            }
        }
        Ok(())
    }

    fn command_times(&self, mut to: Family<'_, '_>) -> fmt::Result {
        for name in COMMANDS {
            let mut sum = Sum::default();
            self.of(name).for_each(|cell| sum.add(&cell.times));
            to.histogram(&[("command", name)], sum.seconds(), &sum.buckets())?;
        }
        Ok(())
    }

    fn requests(&self, mut to: Family<'_, '_>) -> fmt::Result {
        for (route, method, cell) in self.cells() {
            for (status, count) in self.by([cell].into_iter(), |(_, status)| status, None) {
                let labels =
                    [("route", route.pattern()), ("method", method.name()), ("status", status)];
                to.counter(&labels, count)?;
            }
        }
        Ok(())
    }

    fn request_times(&self, mut to: Family<'_, '_>) -> fmt::Result {
        for (route, method, cell) in self.cells() {
            let mut sum = Sum::default();
            sum.add(&cell.times);
            if sum.count() > 0 {
                let labels = [("route", route.pattern()), ("method", method.name())];
                to.histogram(&labels, sum.seconds(), &sum.buckets())?;
            }
        }
        Ok(())
    }

    /// Counts of some cells, added up by a part of the outcome; those that are zero only if they are `always` there.
    fn by<'c>(
        &self,
        cells: impl Iterator<Item = &'c Cell>,
        part: fn((&'static str, &'static str)) -> &'static str,
        always: Option<&'static str>,
    ) -> Vec<(&'static str, u64)> {
        let mut counts: Vec<(&'static str, u64)> =
            always.map(|part| (part, 0)).into_iter().collect();
        for cell in cells {
            for (outcome, count) in OUTCOMES.iter().zip(&cell.outcomes) {
                let (part, count) = (part(*outcome), count.load(Relaxed));
                match counts.iter_mut().find(|(other, _)| *other == part) {
                    Some((_, sum)) => *sum += count,
                    None if count > 0 => counts.push((part, count)),
                    None => {}
                }
            }
        }
        counts
    }
}

impl Collector for Http {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut to = Writer(encoder);
        let seconds = Some(&Unit::Seconds);
        let help = "Commands that were asked for over HTTP, by how they ended";
        to.family("commands", None, help, Counter, |family| self.commands(family))?;
        let help = "Time from the head of a command's request to its answer, body included";
        to.family("command_duration", seconds, help, Histogram, |f| self.command_times(f))?;
        let help = "HTTP requests that were answered; a stream counts when it begins";
        to.family("http_requests", None, help, Counter, |family| self.requests(family))?;
        let help = "Time from the head of a request to the head of its answer";
        to.family("http_request_duration", seconds, help, Histogram, |f| self.request_times(f))?;

        #[cfg(feature = "tls")]
        if let expires @ 1.. = self.0.0.certificate_expires.load(Relaxed) {
            let help = "When the certificate that is shown to clients expires, since 1970";
            to.gauge("tls_certificate_expiry", seconds, help, expires)?;
        }

        let counts = self.0.counts();
        for (name, help, count) in [
            (
                "http_connections",
                "Connections that are open, without those being refused",
                &counts.open,
            ),
            (
                "http_requests_in_flight",
                "Requests that are worked on, without streams that have begun",
                &counts.in_flight,
            ),
            (
                "http_requests_waiting",
                "Requests whose bodies are not there yet, and that are not worked on before they are",
                &counts.waiting,
            ),
            ("http_streams", "Streams of events that are open", &counts.streams),
        ] {
            to.gauge(name, None, help, count.load(Relaxed))?;
        }
        for (name, help, count) in [
            ("http_connections_accepted", "Connections that were let in", &counts.accepted),
            (
                "http_accept_failures",
                "Times that no connection could be accepted, mostly for want of file descriptors",
                &counts.accept_failed,
            ),
            (
                "http_requests_shed",
                "Requests answered 503 because there were too many at once, watches included",
                &counts.shed,
            ),
            (
                "http_requests_too_large",
                "Requests answered 413 because of the length of their body",
                &counts.too_large,
            ),
            (
                "http_requests_timed_out",
                "Requests answered 408 because their body was late",
                &counts.timed_out,
            ),
            (
                "http_requests_panicked",
                "Requests answered 500 because the server panicked",
                &counts.panicked,
            ),
        ] {
            to.counter(name, None, help, count.load(Relaxed))?;
        }
        let help = "Connections that were refused, by the limit that they were beyond";
        to.family("http_connections_refused", None, help, Counter, |mut family| {
            family.counter(&[("limit", "total")], counts.refused_total.load(Relaxed) as u64)?;
            family.counter(&[("limit", "address")], counts.refused_address.load(Relaxed) as u64)
        })?;
        let help = "Connections that the server closed, by what their client did";
        to.family("http_connections_closed", None, help, Counter, |mut family| {
            family.counter(
                &[("reason", "handshake")],
                counts.closed_handshake.load(Relaxed) as u64,
            )?;
            family.counter(&[("reason", "slow")], counts.closed_slow.load(Relaxed) as u64)?;
            family.counter(&[("reason", "idle")], counts.closed_idle.load(Relaxed) as u64)?;
            family.counter(&[("reason", "stalled")], counts.closed_stalled.load(Relaxed) as u64)
        })
    }
}
