//! Metrics of requests, commands and connections.

use std::fmt;
use std::sync::atomic::Ordering::Relaxed;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType::{Counter, Histogram};
use prometheus_client::registry::Unit;

use super::writer::{Family, Writer};
use crate::server::metrics::outcome::{Labels, OUTCOMES};
use crate::server::metrics::times::Sum;
use crate::server::metrics::{Endpoint, Metrics};

#[derive(Debug)]
pub(super) struct Http(pub(super) Metrics);

impl Http {
    fn commands(&self, mut to: Family<'_, '_>) -> fmt::Result {
        for (name, endpoints) in self.0.0.endpoints.by_command() {
            // Zero counts of `ok` are included, so that a rate can be computed from the first command on.
            for (outcome, count) in sum_by(&endpoints, |labels| labels.outcome, Some("ok")) {
                to.counter(&[("command", name), ("outcome", outcome)], count)?;
            }
        }
        Ok(())
    }

    fn command_times(&self, mut to: Family<'_, '_>) -> fmt::Result {
        for (name, endpoints) in self.0.0.endpoints.by_command() {
            let mut sum = Sum::default();
            endpoints.iter().for_each(|endpoint| sum.add(&endpoint.times));
            to.histogram(&[("command", name)], sum.seconds(), &sum.buckets())?;
        }
        Ok(())
    }

    fn requests(&self, mut to: Family<'_, '_>) -> fmt::Result {
        for endpoint in self.0.0.endpoints.iter() {
            for (status, count) in sum_by(&[endpoint], |labels| &labels.status, None) {
                let labels =
                    [("route", endpoint.route), ("method", endpoint.method), ("status", status)];
                to.counter(&labels, count)?;
            }
        }
        Ok(())
    }

    fn request_times(&self, mut to: Family<'_, '_>) -> fmt::Result {
        for endpoint in self.0.0.endpoints.iter() {
            let mut sum = Sum::default();
            sum.add(&endpoint.times);
            if sum.count() > 0 {
                let labels = [("route", endpoint.route), ("method", endpoint.method)];
                to.histogram(&labels, sum.seconds(), &sum.buckets())?;
            }
        }
        Ok(())
    }
}

/// Sums counts of endpoints by a label of the outcome. Zero counts are included only for the label `always`.
fn sum_by(
    endpoints: &[&Endpoint],
    part: fn(&'static Labels) -> &'static str,
    always: Option<&'static str>,
) -> Vec<(&'static str, u64)> {
    let mut counts: Vec<(&'static str, u64)> = always.map(|part| (part, 0)).into_iter().collect();
    for endpoint in endpoints {
        for (outcome, count) in OUTCOMES.iter().zip(&endpoint.outcomes) {
            let (part, count) = (part(outcome), count.load(Relaxed));
            match counts.iter_mut().find(|(other, _)| *other == part) {
                Some((_, sum)) => *sum += count,
                None if count > 0 => counts.push((part, count)),
                None => {}
            }
        }
    }
    counts
}

impl Collector for Http {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut to = Writer(encoder);
        let seconds = Some(&Unit::Seconds);
        let help = "Commands received over HTTP, by outcome";
        to.family("commands", None, help, Counter, |family| self.commands(family))?;
        let help = "Time from the head of a command's request to the head of its response, including the body";
        to.family("command_duration", seconds, help, Histogram, |f| self.command_times(f))?;
        let help = "HTTP requests with a response; a stream counts when it begins";
        to.family("http_requests", None, help, Counter, |family| self.requests(family))?;
        let help = "Time from the head of a request to the head of its response";
        to.family("http_request_duration", seconds, help, Histogram, |f| self.request_times(f))?;

        #[cfg(feature = "tls")]
        if let expires @ 1.. = self.0.0.certificate_expires.load(Relaxed) {
            let help = "Expiry time of the TLS certificate in seconds since the Unix epoch";
            to.gauge("tls_certificate_expiry", seconds, help, expires)?;
        }

        self.0.counts().write(&mut to)
    }
}
