//! Evaluates `PromQL` over the scraped series: selectors, `rate`, `increase` and `resets`, histogram quantiles,
//! aggregations, and operators with a number on the right. Anything else is an error that names it.

use std::collections::BTreeMap;

use super::promql::{Aggregator, Expr, Grouping, Operation, Selector};
use super::series::{Labels, SeriesStore, TimedValue};

/// The value of an expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum PromValue {
    Scalar(f64),
    /// Each element with the time of its sample.
    Vector(Vec<(Labels, TimedValue)>),
}

/// An error is a message for the client.
type EvalResult<T = PromValue> = Result<T, String>;

/// Evaluates an expression at a time, in seconds since the Unix epoch.
pub(super) fn evaluate(expr: &Expr, series: &SeriesStore, time: f64) -> EvalResult {
    match expr {
        Expr::Number(number) => Ok(PromValue::Scalar(*number)),
        Expr::Negation(inner) => Ok(map_values(evaluate(inner, series, time)?, |value| -value)),
        Expr::Selector(selector) => Ok(PromValue::Vector(series.at(|labels| selector.matches(labels), time))),
        Expr::Range(..) => Err("a range of samples is only supported as the argument of a function".into()),
        Expr::Call(name, arguments) => function(name, arguments, series, time),
        Expr::Aggregation(aggregator, grouping, inner) => {
            let all = vector(inner, series, time)?;
            Ok(PromValue::Vector(aggregate(*aggregator, grouping, all, time)))
        }
        Expr::Operation(operation) => binary(operation, series, time),
    }
}

fn map_values(value: PromValue, change: impl Fn(f64) -> f64) -> PromValue {
    match value {
        PromValue::Scalar(number) => PromValue::Scalar(change(number)),
        PromValue::Vector(all) => {
            let one = |(labels, (at, value))| (without_name(labels), (at, change(value)));
            PromValue::Vector(all.into_iter().map(one).collect())
        }
    }
}

fn without_name(mut labels: Labels) -> Labels {
    labels.remove("__name__");
    labels
}

fn vector(expr: &Expr, series: &SeriesStore, time: f64) -> EvalResult<Vec<(Labels, TimedValue)>> {
    match evaluate(expr, series, time)? {
        PromValue::Vector(all) => Ok(all),
        PromValue::Scalar(_) => Err("a number stands where a vector is required".into()),
    }
}

fn function(name: &str, arguments: &[Expr], series: &SeriesStore, time: f64) -> EvalResult {
    match (name, arguments) {
        ("time", []) => Ok(PromValue::Scalar(time)),
        ("timestamp", [of]) => {
            let all = vector(of, series, time)?.into_iter();
            Ok(PromValue::Vector(all.map(|(labels, (at, _))| (without_name(labels), (at, at))).collect()))
        }
        ("histogram_quantile", [quantile, of]) => {
            let PromValue::Scalar(quantile) = evaluate(quantile, series, time)? else {
                return Err("the quantile is not a number".into());
            };
            Ok(PromValue::Vector(quantiles(quantile, vector(of, series, time)?)))
        }
        ("rate" | "increase" | "resets", [Expr::Range(of, range)]) => {
            Ok(PromValue::Vector(over_time(name, of, *range, series, time)))
        }
        ("time" | "timestamp" | "histogram_quantile" | "rate" | "increase" | "resets", _) => {
            Err(format!("function `{name}` does not take these arguments"))
        }
        _ => Err(format!("function `{name}` is not supported")),
    }
}

fn over_time(
    name: &str,
    of: &Selector,
    range: f64,
    series: &SeriesStore,
    time: f64,
) -> Vec<(Labels, TimedValue)> {
    let all = series.within(|labels| of.matches(labels), time, range);
    let one = |(labels, samples): (Labels, Vec<TimedValue>)| {
        let value = match name {
            "resets" => Some(resets(&samples)),
            "rate" => increase(&samples, time, range).map(|increase| increase / range),
            _ => increase(&samples, time, range),
        };
        Some((without_name(labels), (time, value?)))
    };
    all.into_iter().filter_map(one).collect()
}

fn values_before_reset(samples: &[TimedValue]) -> impl Iterator<Item = f64> {
    samples.windows(2).filter(|pair| pair[1].1 < pair[0].1).map(|pair| pair[0].1)
}

#[expect(clippy::cast_precision_loss, reason = "a count far below 2^53")]
fn resets(samples: &[TimedValue]) -> f64 {
    values_before_reset(samples).count() as f64
}

/// The increase of a counter within a range. As in Prometheus, it is extrapolated to the ends of the range if the gap
/// to the outermost sample is less than 1.1 times the mean interval of samples, else by half of that interval.
#[expect(clippy::cast_precision_loss, reason = "a count far below 2^53")]
fn increase(samples: &[TimedValue], time: f64, range: f64) -> Option<f64> {
    let (first, last) = (samples.first()?, samples.last()?);
    let span = last.0 - first.0;
    if samples.len() < 2 || span <= 0.0 {
        return None;
    }
    let observed = last.1 - first.1 + values_before_reset(samples).sum::<f64>();
    let interval = span / (samples.len() - 1) as f64;
    let extrapolation = |gap: f64| if gap < interval * 1.1 { gap } else { interval / 2.0 };
    let mut before = extrapolation(first.0 - (time - range));
    if observed > 0.0 && first.1 >= 0.0 {
        // A counter starts at zero, so it is not extrapolated below.
        before = before.min(span * (first.1 / observed));
    }
    Some(observed * (span + before + extrapolation(time - last.0)) / span)
}

fn quantiles(quantile: f64, buckets: Vec<(Labels, TimedValue)>) -> Vec<(Labels, TimedValue)> {
    let mut groups: BTreeMap<Labels, (f64, Vec<(f64, f64)>)> = BTreeMap::new();
    for (labels, (at, count)) in buckets {
        let mut labels = without_name(labels);
        let Some(limit) = labels.remove("le").and_then(|limit| limit.parse().ok()) else { continue };
        let group = groups.entry(labels).or_insert((at, Vec::new()));
        group.1.push((limit, count));
    }
    let one = |(labels, (at, mut buckets)): (Labels, (f64, Vec<(f64, f64)>))| {
        buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
        (labels, (at, bucket_quantile(quantile, &buckets)))
    };
    groups.into_iter().map(one).collect()
}

/// A quantile of a histogram, interpolated linearly within its bucket.
fn bucket_quantile(quantile: f64, buckets: &[(f64, f64)]) -> f64 {
    let total = buckets.last().filter(|(limit, _)| limit.is_infinite()).map_or(0.0, |(_, count)| *count);
    if buckets.len() < 2 || total <= 0.0 {
        return f64::NAN;
    }
    let rank = quantile * total;
    let at = buckets.iter().position(|(_, count)| *count >= rank).unwrap_or(buckets.len() - 1);
    if at == buckets.len() - 1 {
        return buckets[at - 1].0;
    }
    let (lower_limit, lower_count) = if at == 0 { (0.0, 0.0) } else { buckets[at - 1] };
    let (upper_limit, upper_count) = buckets[at];
    lower_limit + (upper_limit - lower_limit) * ((rank - lower_count) / (upper_count - lower_count))
}

fn aggregate(
    aggregator: Aggregator,
    grouping: &Grouping,
    all: Vec<(Labels, TimedValue)>,
    time: f64,
) -> Vec<(Labels, TimedValue)> {
    let mut groups: BTreeMap<Labels, Vec<f64>> = BTreeMap::new();
    for (mut labels, (_, value)) in all {
        labels.retain(|name, _| match grouping {
            Grouping::By(by) => by.contains(name),
            Grouping::Without(without) => !without.contains(name) && name != "__name__",
        });
        groups.entry(labels).or_default().push(value);
    }
    groups.into_iter().map(|(labels, values)| (labels, (time, fold(aggregator, &values)))).collect()
}

/// The values of a group, which has one or more, as one.
#[expect(clippy::cast_precision_loss, reason = "a count far below 2^53")]
fn fold(aggregator: Aggregator, values: &[f64]) -> f64 {
    let (sum, count) = (values.iter().sum::<f64>(), values.len() as f64);
    match aggregator {
        Aggregator::Sum => sum,
        Aggregator::Count => count,
        Aggregator::Avg => sum / count,
        Aggregator::Max => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        Aggregator::Min => values.iter().copied().fold(f64::INFINITY, f64::min),
    }
}

fn binary(operation: &Operation, series: &SeriesStore, time: f64) -> EvalResult {
    let (left, right) = (evaluate(&operation.left, series, time)?, evaluate(&operation.right, series, time)?);
    let PromValue::Scalar(right) = right else {
        return Err("a vector on the right of an operator is not supported".into());
    };
    let apply = |left| operation.operator.apply(left, right);
    Ok(match left {
        PromValue::Scalar(left) => PromValue::Scalar(apply(left)),
        // A comparison without `bool` is a filter.
        PromValue::Vector(mut all) if operation.operator.is_comparison() && !operation.is_bool => {
            all.retain(|(_, (_, value))| apply(*value) != 0.0);
            PromValue::Vector(all)
        }
        vector @ PromValue::Vector(_) => map_values(vector, apply),
    })
}

#[cfg(test)]
mod tests {
    use super::super::promql::parse;
    use super::*;

    fn series() -> SeriesStore {
        let mut series = SeriesStore::default();
        for step in 0..=10 {
            let (at, count) = (f64::from(step) * 10.0, step * 2);
            let page = format!(
                "hits{{code=\"200\"}} {count}\nhits{{code=\"500\"}} 1\n\
                 took_bucket{{le=\"0.1\"}} {step}\ntook_bucket{{le=\"1\"}} {count}\ntook_bucket{{le=\"+Inf\"}} {count}\n"
            );
            series.ingest(&page, &[], at);
        }
        series
    }

    fn evaluated(text: &str) -> String {
        match parse(text).and_then(|expr| evaluate(&expr, &series(), 100.0)) {
            Ok(PromValue::Scalar(number)) => number.to_string(),
            Ok(PromValue::Vector(all)) => {
                let one = |(labels, (_, value)): &(Labels, TimedValue)| {
                    let labels: Vec<_> =
                        labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
                    format!("{} {value:.3}", labels.join(","))
                };
                all.iter().map(one).collect::<Vec<_>>().join("; ")
            }
            Err(error) => error,
        }
    }

    #[test]
    fn expressions_evaluate_as_in_prometheus() {
        for (text, expected) in [
            ("time()", "100"),
            ("hits{code=\"200\"}", "__name__=hits,code=200 20.000"),
            ("hits{code=~\"5..\"} > 0", "__name__=hits,code=500 1.000"),
            ("hits > 5", "__name__=hits,code=200 20.000"),
            ("sum(hits)", " 21.000"),
            ("sum by (code) (hits) * 2", "code=200 40.000; code=500 2.000"),
            ("rate(hits{code=\"200\"}[50s])", "code=200 0.200"),
            ("increase(hits{code=\"200\"}[50s])", "code=200 10.000"),
            ("resets(hits{code=\"200\"}[1m])", "code=200 0.000"),
            ("timestamp(hits{code=\"500\"})", "code=500 100.000"),
            ("histogram_quantile(0.5, took_bucket)", " 0.100"),
            ("histogram_quantile(0.75, took_bucket)", " 0.550"),
            ("sum without (code) (hits)", " 21.000"),
            ("min(hits) by (code)", "code=200 20.000; code=500 1.000"),
            ("avg({__name__='hits'})", " 10.500"),
            ("count(hits{code!~`5.*`})", " 1.000"),
            ("hits >= bool 20", "code=200 1.000; code=500 0.000"),
            ("-hits{code!=\"200\"} / 2", "code=500 -0.500"),
            ("1 + 2 * 3", "7"),
            ("(1 + 2) * 3 - -.5e1", "14"),
            ("8 / 4 / 2", "1"),
            ("1m_total", "parse error: `m_total` is invalid, or not supported by this server"),
            ("infinite", ""),
            ("rate(hits{code=\"200\"}[1m30s])", "code=200 0.200"),
            ("nothing", ""),
            ("hits{code!=\"200\",}[5s", "parse error: `[5s` is invalid, or not supported by this server"),
            ("hits offset 5m", "parse error: `offset 5m` is invalid, or not supported by this server"),
            ("topk(1, hits)", "function `topk` is not supported"),
            ("deriv(hits[5m])", "function `deriv` is not supported"),
            ("hits[5m]", "a range of samples is only supported as the argument of a function"),
            ("rate(hits)", "function `rate` does not take these arguments"),
            ("hits + hits", "a vector on the right of an operator is not supported"),
            ("sum(1)", "a number stands where a vector is required"),
            ("hits{code=~\"(\"}", "parse error: `{code=~\"(\"}` is invalid, or not supported by this server"),
            ("sum(".repeat(60).as_str(), "parse error: unexpected end of the expression"),
            ("-".repeat(61).as_str(), "parse error: the expression is nested too deeply for this server"),
            (format!("{}1{}", "(".repeat(60), ")".repeat(60)).as_str(), "1"),
            ("", "parse error: unexpected end of the expression"),
        ] {
            assert_eq!(evaluated(text), expected, "{text}");
        }
    }
}
