//! Expressions over what was scraped: selectors, `rate` and its kin, quantiles of histograms, sums, and
//! arithmetic with numbers. What else the language has is refused by name.

use std::collections::BTreeMap;

use promql_parser::parser::token::{self, TokenType};
use promql_parser::parser::{
    AggregateExpr, BinaryExpr, Call, Expr, LabelModifier, MatrixSelector, VectorSelector,
};

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
        Expr::NumberLiteral(number) => Ok(Value::Scalar(number.val)),
        Expr::Paren(inner) => evaluate(&inner.expr, series, time),
        Expr::Unary(inner) => {
            let minus = |value: f64| Some(-value);
            Ok(mapped(evaluate(&inner.expr, series, time)?, minus))
        }
        Expr::VectorSelector(selector) => {
            plain(selector)?;
            Ok(Value::Vector(series.at(|labels| is_meant(selector, labels), time)))
        }
        Expr::Call(call) => function(call, series, time),
        Expr::Aggregate(asked) => aggregate(asked, series, time),
        Expr::Binary(asked) => binary(asked, series, time),
        other => Err(format!("`{other}` is not offered here")),
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

fn plain(selector: &VectorSelector) -> Evaluated<()> {
    if selector.offset.is_some() || selector.at.is_some() || !selector.matchers.or_matchers.is_empty() {
        return Err(format!("`{selector}`: offset, @ and or are not offered here"));
    }
    Ok(())
}

fn is_meant(selector: &VectorSelector, labels: &Labels) -> bool {
    let own = |name: &str| labels.get(name).map(String::as_str).unwrap_or_default();
    selector.name.as_deref().is_none_or(|name| own("__name__") == name)
        && selector.matchers.matchers.iter().all(|matcher| matcher.is_match(own(&matcher.name)))
}

fn vector(expr: &Expr, series: &Series, time: f64) -> Evaluated<Vec<(Labels, Sample)>> {
    match evaluate(expr, series, time)? {
        Value::Vector(all) => Ok(all),
        Value::Scalar(_) => Err(format!("`{expr}` is a number, not a vector")),
    }
}

fn function(call: &Call, series: &Series, time: f64) -> Evaluated {
    let arguments: Vec<&Expr> = call.args.args.iter().map(AsRef::as_ref).collect();
    match (call.func.name, arguments.as_slice()) {
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
        (name @ ("rate" | "increase" | "resets"), [Expr::MatrixSelector(of)]) => {
            over_time(name, of, series, time)
        }
        (name, _) => Err(format!("function `{name}` is not offered here")),
    }
}

fn over_time(name: &str, of: &MatrixSelector, series: &Series, time: f64) -> Evaluated {
    plain(&of.vs)?;
    let range = of.range.as_secs_f64();
    let all = series.within(|labels| is_meant(&of.vs, labels), time, range);
    let one = |(labels, samples): (Labels, Vec<Sample>)| {
        let value = match name {
            "resets" => Some(resets(&samples)),
            "rate" => increase(&samples, time, range).map(|increase| increase / range),
            _ => increase(&samples, time, range),
        };
        Some((unnamed(labels), (time, value?)))
    };
    Ok(Value::Vector(all.into_iter().filter_map(one).collect()))
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

fn aggregate(asked: &AggregateExpr, series: &Series, time: f64) -> Evaluated {
    let group = |labels: &Labels| -> Labels {
        let listed = |name: &String| match &asked.modifier {
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
    for (labels, (_, value)) in vector(&asked.expr, series, time)? {
        groups.entry(group(&labels)).or_default().push(value);
    }
    let kind = asked.op.id();
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
        None => Err(format!("aggregation `{}` is not offered here", asked.op)),
    };
    groups.into_iter().map(one).collect::<Evaluated<_>>().map(Value::Vector)
}

fn binary(asked: &BinaryExpr, series: &Series, time: f64) -> Evaluated {
    let (left, right) = (evaluate(&asked.lhs, series, time)?, evaluate(&asked.rhs, series, time)?);
    let unknown = || format!("operator `{}` between these is not offered here", asked.op);
    let is_bool = asked.modifier.as_ref().is_some_and(|modifier| modifier.return_bool);
    let known = |one: f64, other: f64| reckoned(asked.op, one, other).ok_or_else(unknown);
    known(1.0, 1.0)?;
    let truth = |is: bool| if is { 1.0 } else { 0.0 };
    match (left, right) {
        (Value::Scalar(one), Value::Scalar(other)) => Ok(Value::Scalar(match known(one, other)? {
            Reckoned::Number(number) => number,
            Reckoned::Truth(is) => truth(is),
        })),
        (Value::Vector(all), Value::Scalar(other)) => match known(0.0, other)? {
            // A comparison lets through what it holds for.
            Reckoned::Truth(_) if !is_bool => {
                let holds =
                    |value: f64| matches!(reckoned(asked.op, value, other), Some(Reckoned::Truth(true)));
                Ok(Value::Vector(all.into_iter().filter(|(_, (_, value))| holds(*value)).collect()))
            }
            _ => Ok(mapped(Value::Vector(all), |value| match reckoned(asked.op, value, other)? {
                Reckoned::Number(number) => Some(number),
                Reckoned::Truth(is) => Some(truth(is)),
            })),
        },
        _ => Err(unknown()),
    }
}

enum Reckoned {
    Number(f64),
    Truth(bool),
}

#[expect(clippy::float_cmp, reason = "it is what was asked for")]
fn reckoned(op: TokenType, one: f64, other: f64) -> Option<Reckoned> {
    Some(match op.id() {
        token::T_ADD => Reckoned::Number(one + other),
        token::T_SUB => Reckoned::Number(one - other),
        token::T_MUL => Reckoned::Number(one * other),
        token::T_DIV => Reckoned::Number(one / other),
        token::T_GTR => Reckoned::Truth(one > other),
        token::T_GTE => Reckoned::Truth(one >= other),
        token::T_LSS => Reckoned::Truth(one < other),
        token::T_LTE => Reckoned::Truth(one <= other),
        token::T_EQLC => Reckoned::Truth(one == other),
        token::T_NEQ => Reckoned::Truth(one != other),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use promql_parser::parser::parse;

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
        match evaluate(&parse(text).unwrap(), &series(), 100.0) {
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
            ("nothing", ""),
            ("hits offset 5m", "`hits offset 5m`: offset, @ and or are not offered here"),
            ("topk(1, hits)", "aggregation `topk` is not offered here"),
            ("deriv(hits[5m])", "function `deriv` is not offered here"),
        ] {
            assert_eq!(told(text), wanted, "{text}");
        }
    }
}
