//! Writes metrics in rows.

use std::fmt;

use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeLabelSet, MetricEncoder,
    NoLabelSet,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::Unit;

const NO_EXEMPLAR: Option<&Exemplar<NoLabelSet, f64>> = None;

/// Writes metrics with their descriptors.
pub(in crate::server::metrics) struct Writer<'e>(pub(super) DescriptorEncoder<'e>);

#[expect(clippy::needless_pass_by_value, reason = "the values are numbers")]
impl Writer<'_> {
    /// Writes a counter. Its name gets the unit, if there is one, and `_total`.
    pub(in crate::server::metrics) fn counter(
        &mut self,
        name: &str,
        unit: Option<&Unit>,
        help: &str,
        value: impl EncodeCounterValue,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, unit, MetricType::Counter)?;
        metric.encode_counter(&value, NO_EXEMPLAR)
    }

    pub(in crate::server::metrics) fn gauge(
        &mut self,
        name: &str,
        unit: Option<&Unit>,
        help: &str,
        value: impl EncodeGaugeValue,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, unit, MetricType::Gauge)?;
        metric.encode_gauge(&value)
    }

    /// Writes a histogram: buckets with their upper bounds, the last of which is infinity.
    pub(super) fn histogram(
        &mut self,
        name: &str,
        unit: Option<&Unit>,
        help: &str,
        sum: f64,
        classes: &[(f64, u64)],
    ) -> fmt::Result {
        let metric = self.0.encode_descriptor(name, help, unit, MetricType::Histogram)?;
        encode_histogram(metric, sum, classes)
    }

    /// Writes a metric with labels.
    pub(in crate::server::metrics) fn family(
        &mut self,
        name: &str,
        unit: Option<&Unit>,
        help: &str,
        kind: MetricType,
        each: impl FnOnce(Family<'_, '_>) -> fmt::Result,
    ) -> fmt::Result {
        each(Family(&mut self.0.encode_descriptor(name, help, unit, kind)?))
    }
}

/// The samples of a metric with labels.
pub(in crate::server::metrics) struct Family<'f, 'e>(&'f mut MetricEncoder<'e>);

impl Family<'_, '_> {
    pub(in crate::server::metrics) fn counter(
        &mut self,
        labels: &impl EncodeLabelSet,
        value: u64,
    ) -> fmt::Result {
        self.0.encode_family(labels)?.encode_counter(&value, NO_EXEMPLAR)
    }

    pub(super) fn histogram(
        &mut self,
        labels: &impl EncodeLabelSet,
        sum: f64,
        classes: &[(f64, u64)],
    ) -> fmt::Result {
        encode_histogram(self.0.encode_family(labels)?, sum, classes)
    }

    pub(super) fn info(&mut self, labels: &impl EncodeLabelSet) -> fmt::Result {
        self.0.encode_info(labels)
    }
}

fn encode_histogram(mut to: MetricEncoder<'_>, sum: f64, classes: &[(f64, u64)]) -> fmt::Result {
    let count = classes.iter().map(|(_, count)| count).sum();
    to.encode_histogram::<NoLabelSet>(sum, count, classes, None)
}

/// Writes metrics, one per row: kind, name, unit if it has one, value, help.
macro_rules! metrics {
    ($to:ident: $($kind:ident $name:literal $($unit:ident)? = $value:expr, $help:literal;)+) => {
        $($to.$kind($name, [$(Some(&$unit),)? None][0], $help, $value)?;)+
    };
}
pub(super) use metrics;
