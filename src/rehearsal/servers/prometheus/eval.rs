//! Expressions over what was scraped: selectors, `rate` and its kin, quantiles of histograms, sums, and
//! arithmetic with numbers. What else the language has is refused by name.

use std::collections::BTreeMap;

use super::expr::{Aggregate, Binary, Expr, Fold, Grouping, Operator, Selector};
use super::series::{Labels, Sample, Series};

/// A value of the language.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Scalar(f64),
    /// Each with the time of its sample.
    Vector(Vec<(Labels, Sample)>),
}

/// Why there is none, in words.
type Evaluated<T = Value> = Result<T, String>;

/// Evaluates an expression at a time in seconds.
pub(super) fn evaluate(expr: &Expr, series: &Series, time: f64) -> Evaluated {
    match expr {
        Expr::Number(number) => Ok(Value::Scalar(*number)),
        Expr::Minus(inner) => {
            let minus = |value: f64| Some(-value);
            Ok(mapped(evaluate(inner, series, time)?, minus))
        }
        Expr::Selector(selector) => Ok(Value::Vector(series.at(|labels| selector.is_match(labels), time))),
        Expr::Call(name, arguments) => function(name, arguments, series, time),
        Expr::Aggregate(asked) => aggregate(asked, series, time),
        Expr::Binary(asked) => binary(asked, series, time),
        Expr::Range(..) => Err("a range stands only in a function such as rate".into()),
    }
}

fn mapped(value: Value, change: impl Fn(f64) -> Option<f64>) -> Value {
    match value {
        Value::Scalar(number) => Value::Scalar(change(number).unwrap_or(f64::NAN)),
        Value::Vector(all) => {
            let one = |(labels, (at, value)): (Labels, Sample)| Some((unnamed(labels), (at, change(value)?)));
            Value::Vector(all.into_iter().filter_map(one).collect())
        }
    }
}

fn unnamed(mut labels: Labels) -> Labels {
    labels.remove("__name__");
    labels
}

fn vector(expr: &Expr, series: &Series, time: f64) -> Evaluated<Vec<(Labels, Sample)>> {
    match evaluate(expr, series, time)? {
        Value::Vector(all) => Ok(all),
        Value::Scalar(_) => Err("a number where a vector is expected".into()),
    }
}

fn function(name: &str, arguments: &[Expr], series: &Series, time: f64) -> Evaluated {
    match (name, arguments) {
        ("time", []) => Ok(Value::Scalar(time)),
        ("timestamp", [of]) => {
            let all = vector(of, series, time)?.into_iter();
            Ok(Value::Vector(all.map(|(labels, (at, _))| (unnamed(labels), (at, at))).collect()))
        }
        ("histogram_quantile", [quantile, of]) => {
            let Value::Scalar(quantile) = evaluate(quantile, series, time)? else {
                return Err("the quantile is not a number".into());
            };
            Ok(Value::Vector(quantiles(quantile, vector(of, series, time)?)))
        }
        (name @ ("rate" | "increase" | "resets"), [Expr::Range(of, range)]) => {
            Ok(over_time(name, of, *range, series, time))
        }
        (name, _) => Err(format!("function `{name}` is not offered here")),
    }
}

fn over_time(name: &str, of: &Selector, range: f64, series: &Series, time: f64) -> Value {
    let all = series.within(|labels| of.is_match(labels), time, range);
    let one = |(labels, samples): (Labels, Vec<Sample>)| {
        let value = match name {
            "resets" => Some(resets(&samples)),
            "rate" => increase(&samples, time, range).map(|increase| increase / range),
            _ => increase(&samples, time, range),
        };
        Some((unnamed(labels), (time, value?)))
    };
    Value::Vector(all.into_iter().filter_map(one).collect())
}

fn falls(samples: &[Sample]) -> impl Iterator<Item = f64> {
    samples.windows(2).filter(|pair| pair[1].1 < pair[0].1).map(|pair| pair[0].1)
}

#[expect(clippy::cast_precision_loss, reason = "a count far below 2^53")]
fn resets(samples: &[Sample]) -> f64 {
    falls(samples).count() as f64
}

/// By how much a counter rose within a range, as far as its samples tell: what lies between the range's ends and
/// the outermost samples is reckoned with up to 1.1 times the mean distance of two samples.
#[expect(clippy::cast_precision_loss, reason = "a count far below 2^53")]
fn increase(samples: &[Sample], time: f64, range: f64) -> Option<f64> {
    let (first, last) = (samples.first()?, samples.last()?);
    let span = last.0 - first.0;
    if samples.len() < 2 || span <= 0.0 {
        return None;
    }
    let rose = last.1 - first.1 + falls(samples).sum::<f64>();
    let apart = span / (samples.len() - 1) as f64;
    let reach = |gap: f64| if gap < apart * 1.1 { gap } else { apart / 2.0 };
    let mut before = reach(first.0 - (time - range));
    if rose > 0.0 && first.1 >= 0.0 {
        // A counter was never below nothing.
        before = before.min(span * (first.1 / rose));
    }
    Some(rose * (span + before + reach(time - last.0)) / span)
}

fn quantiles(quantile: f64, buckets: Vec<(Labels, Sample)>) -> Vec<(Labels, Sample)> {
    let mut groups: BTreeMap<Labels, (f64, Vec<(f64, f64)>)> = BTreeMap::new();
    for (labels, (at, count)) in buckets {
        let mut labels = unnamed(labels);
        let Some(limit) = labels.remove("le").and_then(|limit| limit.parse().ok()) else { continue };
        let group = groups.entry(labels).or_insert((at, Vec::new()));
        group.1.push((limit, count));
    }
    let one = |(labels, (at, mut buckets)): (Labels, (f64, Vec<(f64, f64)>))| {
        buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
        (labels, (at, of_buckets(quantile, &buckets)))
    };
    groups.into_iter().map(one).collect()
}

/// Where a quantile lies, as if values were spread evenly within each bucket.
fn of_buckets(quantile: f64, buckets: &[(f64, f64)]) -> f64 {
    let all = buckets.last().filter(|(limit, _)| limit.is_infinite()).map_or(0.0, |(_, count)| *count);
    if buckets.len() < 2 || all <= 0.0 {
        return f64::NAN;
    }
    let rank = quantile * all;
    let at = buckets.iter().position(|(_, count)| *count >= rank).unwrap_or(buckets.len() - 1);
    if at == buckets.len() - 1 {
        return buckets[at - 1].0;
    }
    let (begin, below) = if at == 0 { (0.0, 0.0) } else { buckets[at - 1] };
    let (end, upto) = buckets[at];
    begin + (end - begin) * ((rank - below) / (upto - below))
}

fn aggregate(asked: &Aggregate, series: &Series, time: f64) -> Evaluated {
    let group = |labels: &Labels| -> Labels {
        let listed = |name: &String| match &asked.grouping {
            Grouping::By(labels) => labels.contains(name),
            Grouping::Without(labels) => !labels.contains(name) && name != "__name__",
        };
        labels
            .iter()
            .filter(|(name, _)| listed(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    };
    let mut groups: BTreeMap<Labels, Vec<f64>> = BTreeMap::new();
    for (labels, (_, value)) in vector(&asked.of, series, time)? {
        groups.entry(group(&labels)).or_default().push(value);
    }
    let one = |(labels, values): (Labels, Vec<f64>)| (labels, (time, folded(asked.fold, &values)));
    Ok(Value::Vector(groups.into_iter().map(one).collect()))
}

/// One of the values of a group, of which there is at least one.
#[expect(clippy::cast_precision_loss, reason = "a count far below 2^53")]
fn folded(fold: Fold, values: &[f64]) -> f64 {
    let sum = || values.iter().sum::<f64>();
    match fold {
        Fold::Sum => sum(),
        Fold::Count => values.len() as f64,
        Fold::Avg => sum() / values.len() as f64,
        Fold::Max => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        Fold::Min => values.iter().copied().fold(f64::INFINITY, f64::min),
    }
}

fn binary(asked: &Binary, series: &Series, time: f64) -> Evaluated {
    let (left, right) = (evaluate(&asked.left, series, time)?, evaluate(&asked.right, series, time)?);
    match (left, right) {
        (Value::Scalar(one), Value::Scalar(other)) => Ok(Value::Scalar(computed(asked.operator, one, other))),
        (Value::Vector(mut all), Value::Scalar(other)) => Ok(match comparison(asked.operator) {
            // Without `bool`, a comparison keeps what it holds for.
            Some(holds) if !asked.is_bool => {
                all.retain(|(_, (_, value))| holds(*value, other));
                Value::Vector(all)
            }
            _ => mapped(Value::Vector(all), |value| Some(computed(asked.operator, value, other))),
        }),
        _ => Err("an operator with a vector on its right is not offered here".into()),
    }
}

/// The value of an operator between two numbers; of a comparison 0 or 1.
fn computed(operator: Operator, one: f64, other: f64) -> f64 {
    match operator {
        Operator::Add => one + other,
        Operator::Subtract => one - other,
        Operator::Multiply => one * other,
        Operator::Divide => one / other,
        _ => f64::from(u8::from(comparison(operator).is_some_and(|holds| holds(one, other)))),
    }
}

#[expect(clippy::float_cmp, reason = "it is what was asked for")]
fn comparison(operator: Operator) -> Option<fn(f64, f64) -> bool> {
    Some(match operator {
        Operator::Greater => |one, other| one > other,
        Operator::GreaterOrEqual => |one, other| one >= other,
        Operator::Less => |one, other| one < other,
        Operator::LessOrEqual => |one, other| one <= other,
        Operator::Equal => |one, other| one == other,
        Operator::NotEqual => |one, other| one != other,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::expr::parse;
    use super::*;

    fn series() -> Series {
        let mut series = Series::default();
        for step in 0..=10 {
            let (at, count) = (f64::from(step) * 10.0, step * 2);
            let page = format!(
                "hits{{code=\"200\"}} {count}\nhits{{code=\"500\"}} 1\n\
                 took_bucket{{le=\"0.1\"}} {step}\ntook_bucket{{le=\"1\"}} {count}\ntook_bucket{{le=\"+Inf\"}} {count}\n"
            );
            series.take_in(&page, &[], at);
        }
        series
    }

    fn told(text: &str) -> String {
        match parse(text).and_then(|expr| evaluate(&expr, &series(), 100.0)) {
            Ok(Value::Scalar(number)) => number.to_string(),
            Ok(Value::Vector(all)) => {
                let one = |(labels, (_, value)): &(Labels, Sample)| {
                    let labels: Vec<_> =
                        labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
                    format!("{} {value:.3}", labels.join(","))
                };
                all.iter().map(one).collect::<Vec<_>>().join("; ")
            }
            Err(why) => why,
        }
    }

    #[test]
    fn expressions_say_what_prometheus_says() {
        for (text, wanted) in [
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
            ("(1 + 2) * -3", "-9"),
            ("8 - 2 - 1", "5"),
            ("2 > bool 1", "1"),
            ("hits > bool 5", "code=200 1.000; code=500 0.000"),
            ("max(hits) - 1", " 19.000"),
            ("min(hits)", " 1.000"),
            ("avg(hits)", " 10.500"),
            ("count(hits) by (code)", "code=200 1.000; code=500 1.000"),
            ("sum without (code) (hits)", " 21.000"),
            ("1 + hits", "an operator with a vector on its right is not offered here"),
            ("nothing", ""),
            ("hits offset 5m", "unexpected `offset`; what is offered here is a part of PromQL"),
            ("topk(1, hits)", "function `topk` is not offered here"),
            ("deriv(hits[5m])", "function `deriv` is not offered here"),
        ] {
            assert_eq!(told(text), wanted, "{text}");
        }
    }
}
