//! Evaluates `PromQL` over the scraped series: selectors, `rate`, `increase` and `resets`, histogram quantiles,
//! aggregations, and operators with a number on the right. Anything else is an error that names it.

use std::collections::BTreeMap;

use promql_parser::parser::token::{self, TokenType};
use promql_parser::parser::{
    AggregateExpr, BinaryExpr, Call, Expr, LabelModifier, MatrixSelector, VectorSelector,
};

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
        Expr::NumberLiteral(number) => Ok(PromValue::Scalar(number.val)),
        Expr::Paren(inner) => evaluate(&inner.expr, series, time),
        Expr::Unary(inner) => {
            let minus = |value: f64| Some(-value);
            Ok(map_values(evaluate(&inner.expr, series, time)?, minus))
        }
        Expr::VectorSelector(selector) => {
            check_supported(selector)?;
            Ok(PromValue::Vector(series.at(|labels| matches(selector, labels), time)))
        }
        Expr::Call(call) => function(call, series, time),
        Expr::Aggregate(inner) => aggregate(inner, series, time),
        Expr::Binary(inner) => binary(inner, series, time),
        other => Err(format!("`{other}` is not supported")),
    }
}

fn map_values(value: PromValue, change: impl Fn(f64) -> Option<f64>) -> PromValue {
    match value {
        PromValue::Scalar(number) => PromValue::Scalar(change(number).unwrap_or(f64::NAN)),
        PromValue::Vector(all) => {
            let one = |(labels, (at, value)): (Labels, TimedValue)| {
                Some((without_name(labels), (at, change(value)?)))
            };
            PromValue::Vector(all.into_iter().filter_map(one).collect())
        }
    }
}

fn without_name(mut labels: Labels) -> Labels {
    labels.remove("__name__");
    labels
}

fn check_supported(selector: &VectorSelector) -> EvalResult<()> {
    if selector.offset.is_some() || selector.at.is_some() || !selector.matchers.or_matchers.is_empty() {
        return Err(format!("`{selector}`: offset, @ and or are not supported"));
    }
    Ok(())
}

fn matches(selector: &VectorSelector, labels: &Labels) -> bool {
    let label = |name: &str| labels.get(name).map(String::as_str).unwrap_or_default();
    selector.name.as_deref().is_none_or(|name| label("__name__") == name)
        && selector.matchers.matchers.iter().all(|matcher| matcher.is_match(label(&matcher.name)))
}

fn vector(expr: &Expr, series: &SeriesStore, time: f64) -> EvalResult<Vec<(Labels, TimedValue)>> {
    match evaluate(expr, series, time)? {
        PromValue::Vector(all) => Ok(all),
        PromValue::Scalar(_) => Err(format!("`{expr}` is a number, not a vector")),
    }
}

fn function(call: &Call, series: &SeriesStore, time: f64) -> EvalResult {
    let arguments: Vec<&Expr> = call.args.args.iter().map(AsRef::as_ref).collect();
    match (call.func.name, arguments.as_slice()) {
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
        (name @ ("rate" | "increase" | "resets"), [Expr::MatrixSelector(of)]) => {
            over_time(name, of, series, time)
        }
        (name, _) => Err(format!("function `{name}` is not supported")),
    }
}

fn over_time(name: &str, of: &MatrixSelector, series: &SeriesStore, time: f64) -> EvalResult {
    check_supported(&of.vs)?;
    let range = of.range.as_secs_f64();
    let all = series.within(|labels| matches(&of.vs, labels), time, range);
    let one = |(labels, samples): (Labels, Vec<TimedValue>)| {
        let value = match name {
            "resets" => Some(resets(&samples)),
            "rate" => increase(&samples, time, range).map(|increase| increase / range),
            _ => increase(&samples, time, range),
        };
        Some((without_name(labels), (time, value?)))
    };
    Ok(PromValue::Vector(all.into_iter().filter_map(one).collect()))
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

fn aggregate(aggregation: &AggregateExpr, series: &SeriesStore, time: f64) -> EvalResult {
    let group = |labels: &Labels| -> Labels {
        let listed = |name: &String| match &aggregation.modifier {
            Some(LabelModifier::Include(by)) => by.labels.contains(name),
            Some(LabelModifier::Exclude(without)) => !without.labels.contains(name) && name != "__name__",
            None => false,
        };
        labels
            .iter()
            .filter(|(name, _)| listed(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    };
    let mut groups: BTreeMap<Labels, Vec<f64>> = BTreeMap::new();
    for (labels, (_, value)) in vector(&aggregation.expr, series, time)? {
        groups.entry(group(&labels)).or_default().push(value);
    }
    let kind = aggregation.op.id();
    #[expect(clippy::cast_precision_loss, reason = "a count far below 2^53")]
    let fold = |values: &[f64]| match kind {
        token::T_SUM => Some(values.iter().sum()),
        token::T_COUNT => Some(values.len() as f64),
        token::T_AVG => Some(values.iter().sum::<f64>() / values.len() as f64),
        token::T_MAX => values.iter().copied().reduce(f64::max),
        token::T_MIN => values.iter().copied().reduce(f64::min),
        _ => None,
    };
    let one = |(labels, values): (Labels, Vec<f64>)| match fold(&values) {
        Some(value) => Ok((labels, (time, value))),
        None => Err(format!("aggregation `{}` is not supported", aggregation.op)),
    };
    groups.into_iter().map(one).collect::<EvalResult<_>>().map(PromValue::Vector)
}

fn binary(operation: &BinaryExpr, series: &SeriesStore, time: f64) -> EvalResult {
    let (left, right) = (evaluate(&operation.lhs, series, time)?, evaluate(&operation.rhs, series, time)?);
    let unknown = || format!("operator `{}` between these is not supported", operation.op);
    let is_bool = operation.modifier.as_ref().is_some_and(|modifier| modifier.return_bool);
    let operator = |left_value: f64, right_value: f64| {
        apply_operator(operation.op, left_value, right_value).ok_or_else(unknown)
    };
    operator(1.0, 1.0)?;
    let truth = |is: bool| if is { 1.0 } else { 0.0 };
    match (left, right) {
        (PromValue::Scalar(left_value), PromValue::Scalar(right_value)) => {
            Ok(PromValue::Scalar(match operator(left_value, right_value)? {
                OperatorResult::Number(number) => number,
                OperatorResult::Truth(is) => truth(is),
            }))
        }
        (PromValue::Vector(all), PromValue::Scalar(right_value)) => match operator(0.0, right_value)? {
            // A comparison without `bool` is a filter.
            OperatorResult::Truth(_) if !is_bool => {
                let holds = |value: f64| {
                    matches!(
                        apply_operator(operation.op, value, right_value),
                        Some(OperatorResult::Truth(true))
                    )
                };
                Ok(PromValue::Vector(all.into_iter().filter(|(_, (_, value))| holds(*value)).collect()))
            }
            _ => Ok(map_values(PromValue::Vector(all), |value| {
                match apply_operator(operation.op, value, right_value)? {
                    OperatorResult::Number(number) => Some(number),
                    OperatorResult::Truth(is) => Some(truth(is)),
                }
            })),
        },
        _ => Err(unknown()),
    }
}

enum OperatorResult {
    Number(f64),
    Truth(bool),
}

#[expect(clippy::float_cmp, reason = "PromQL compares floats exactly")]
fn apply_operator(op: TokenType, left: f64, right: f64) -> Option<OperatorResult> {
    Some(match op.id() {
        token::T_ADD => OperatorResult::Number(left + right),
        token::T_SUB => OperatorResult::Number(left - right),
        token::T_MUL => OperatorResult::Number(left * right),
        token::T_DIV => OperatorResult::Number(left / right),
        token::T_GTR => OperatorResult::Truth(left > right),
        token::T_GTE => OperatorResult::Truth(left >= right),
        token::T_LSS => OperatorResult::Truth(left < right),
        token::T_LTE => OperatorResult::Truth(left <= right),
        token::T_EQLC => OperatorResult::Truth(left == right),
        token::T_NEQ => OperatorResult::Truth(left != right),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use promql_parser::parser::parse;

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
        match evaluate(&parse(text).unwrap(), &series(), 100.0) {
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
            ("1 + 2 * 3", "7"),
            ("nothing", ""),
            ("hits offset 5m", "`hits offset 5m`: offset, @ and or are not supported"),
            ("topk(1, hits)", "aggregation `topk` is not supported"),
            ("deriv(hits[5m])", "function `deriv` is not supported"),
        ] {
            assert_eq!(evaluated(text), expected, "{text}");
        }
    }
}
