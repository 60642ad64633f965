//! The signed entries of a control point: confirmations, waivers, not applicable; and who is missing.

use ratatui::text::Span;

use crate::tui::context::Context;
use crate::tui::style::text::styled;
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::text_builder::TextBuilder;
use gonogo_core::checklist::{Confirm, Point};
use gonogo_core::run::{Confirmation, PointState, Status, Waiver, required_confirm, valid_confirmations};

/// Adds the exceptions and the confirmations of a point, if it has any.
pub fn add(cx: &Context, builder: &mut TextBuilder, point: &Point, state: &PointState, status: &Status) {
    add_exceptions(cx, builder, point, state);
    let required = required_confirm(point, state);
    if required == Confirm::None {
        return;
    }
    builder.heading(cx, requirement(cx, required));
    for act in &state.confirmations {
        add_confirmation(cx, builder, act, valid_confirmations(state).any(|valid| valid.seq == act.seq));
    }
    if !status.is_done() && !matches!(status, Status::NotDue(_)) {
        add_missing(cx, builder, point, state, status);
    }
}

fn requirement(cx: &Context, required: Confirm) -> &'static str {
    match required {
        Confirm::Two if cx.plan().solo => "one confirms for two, with a reason (solo)",
        Confirm::Two => "two different people confirm",
        Confirm::One | Confirm::None => "one person confirms",
    }
}

fn add_confirmation(cx: &Context, builder: &mut TextBuilder, act: &Confirmation, is_valid: bool) {
    let (symbol, role) = if is_valid { ("● ", StyleRole::Confirmed) } else { ("◷ ", StyleRole::Stale) };
    let mut text = format!("{} · {} · log #{}", cx.name_and_role(&act.by), cx.ago(&act.at), act.seq);
    if !is_valid {
        text.push_str(" · no longer counts: what they saw has changed");
    }
    builder.put(vec![cx.with_role(symbol, role), styled(&text, Theme::text())], 2);
    if let Some(reason) = &act.reason {
        builder.put(vec![Span::raw("  "), cx.dim(reason)], 2);
    }
}

fn add_missing(cx: &Context, builder: &mut TextBuilder, point: &Point, state: &PointState, status: &Status) {
    let confirmed = cx.run.state.confirmations(point, state);
    if confirmed >= required_confirm(point, state).people() {
        return;
    }
    let who = if cx.needs_my_confirmation(point, status) {
        format!("{}: press space to confirm", cx.name_and_role(&cx.session.operator.principal))
    } else if confirmed > 0 {
        let others = cx
            .run
            .state
            .roster
            .iter()
            .filter(|other| !state.confirmations.iter().any(|act| act.by == other.principal));
        let others: Vec<_> = others.map(|other| cx.name_and_role(&other.principal)).collect();
        if others.is_empty() { "somebody else, who has to join".into() } else { others.join(" or ") }
    } else if matches!(status, Status::NeedsConfirmation { .. }) {
        "nobody yet".into()
    } else {
        "nobody yet; its probes come first".into()
    };
    builder.put(vec![cx.dim("○ "), cx.dim(&who)], 2);
}

fn add_exceptions(cx: &Context, builder: &mut TextBuilder, point: &Point, state: &PointState) {
    let by_plan = point.not_applicable.iter();
    if point.not_applicable.is_none() && state.waivers.is_empty() && state.exemptions.is_empty() {
        return;
    }
    let needs_two = cx.run.state.people_to_waive(point) > 1;
    builder.heading(
        cx,
        if needs_two { "waived or not applicable (takes two people)" } else { "waived or not applicable" },
    );
    for reason in by_plan {
        let state = &cx.run.state;
        let is_pending = state.is_exemption_pending(point);
        let suffix =
            if is_pending { format!("; a {} must sign that (x)", state.other_role()) } else { String::new() };
        let text = format!("not applicable by plan: {reason}{suffix}");
        builder.put(vec![cx.dim("– "), styled(&text, Theme::text())], 2);
    }
    for act in &state.exemptions {
        let text = format!("{}: not applicable · log #{}", cx.name_and_role(&act.by), act.seq);
        builder.put(vec![cx.dim("– "), styled(&text, Theme::text())], 2);
        builder.put(vec![Span::raw("  "), cx.dim(&act.reason)], 2);
    }
    for act in &state.waivers {
        add_waiver(cx, builder, act);
    }
}

fn add_waiver(cx: &Context, builder: &mut TextBuilder, act: &Waiver) {
    let has_expired = act.until <= cx.run.now.wall;
    let role = if has_expired { StyleRole::Stale } else { StyleRole::Waived };
    let until = act.until.readable();
    let validity = if has_expired { format!("expired {until}") } else { format!("until {until}") };
    let text = format!("{} waived, {validity} · log #{}", cx.name_and_role(&act.by), act.seq);
    builder.put(vec![cx.with_role("≈ ", role), styled(&text, Theme::text())], 2);
    builder.put(vec![Span::raw("  "), cx.dim(&act.reason)], 2);
}
