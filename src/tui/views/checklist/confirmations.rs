//! The human part of a control point: who confirmed, who is missing, what was let pass.

use ratatui::text::Span;

use crate::checklist::{Confirm, Point};
use crate::run::{Confirmation, PointState, Status, Waiver, valid_confirmations};
use crate::tui::context::Context;
use crate::tui::style::text::styled;
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::text_builder::TextBuilder;

/// Puts down the human part, if there is one.
pub fn part(cx: &Context, paper: &mut TextBuilder, point: &Point, state: &PointState, status: &Status) {
    set_aside(cx, paper, point, state);
    if point.confirm == Confirm::None {
        return;
    }
    paper.part(cx, asked(cx, point));
    for act in &state.confirmations {
        confirmation(cx, paper, act, valid_confirmations(state).any(|counts| counts.seq == act.seq));
    }
    if !status.is_done() && !matches!(status, Status::NotDue(_)) {
        missing(cx, paper, point, state, status);
    }
}

fn asked(cx: &Context, point: &Point) -> &'static str {
    match point.confirm {
        Confirm::Two if cx.plan().solo => "one confirms for two, with a reason (solo)",
        Confirm::Two => "two different people confirm",
        Confirm::One | Confirm::None => "one person confirms",
    }
}

fn confirmation(cx: &Context, paper: &mut TextBuilder, act: &Confirmation, counts: bool) {
    let (sign, tone) = if counts { ("● ", StyleRole::Settled) } else { ("◷ ", StyleRole::Stale) };
    let mut told = format!("{} · {} · log #{}", cx.person(&act.by), cx.ago(&act.at), act.seq);
    if !counts {
        told.push_str(" · no longer counts: what they saw has changed");
    }
    paper.put(vec![cx.toned(sign, tone), styled(&told, Theme::text())], 2);
    if let Some(reason) = &act.reason {
        paper.put(vec![Span::raw("  "), cx.dim(reason)], 2);
    }
}

fn missing(cx: &Context, paper: &mut TextBuilder, point: &Point, state: &PointState, status: &Status) {
    let have = cx.run.state.confirmations(point, state);
    if have >= point.confirm.people() {
        return;
    }
    let who = if cx.is_mine(point, status) {
        format!("{}: you, with space", cx.person(&cx.session.me.principal))
    } else if have > 0 {
        let others = cx
            .run
            .state
            .roster
            .iter()
            .filter(|other| !state.confirmations.iter().any(|act| act.by == other.principal));
        let others: Vec<_> = others.map(|other| cx.person(&other.principal)).collect();
        if others.is_empty() { "somebody else, who has to join".into() } else { others.join(" or ") }
    } else if matches!(status, Status::NeedsConfirmation { .. }) {
        "nobody yet".into()
    } else {
        "nobody yet; its probes come first".into()
    };
    paper.put(vec![cx.dim("○ "), cx.dim(&who)], 2);
}

fn set_aside(cx: &Context, paper: &mut TextBuilder, point: &Point, state: &PointState) {
    let by_plan = point.not_applicable.iter();
    if point.not_applicable.is_none() && state.waivers.is_empty() && state.exemptions.is_empty() {
        return;
    }
    let two = cx.run.state.people_to_waive(point) > 1;
    paper.part(cx, if two { "set aside (takes two people)" } else { "set aside" });
    for reason in by_plan {
        let state = &cx.run.state;
        let waits = state.is_exemption_pending(point);
        let waits =
            if waits { format!("; a {} must sign that (x)", state.other_role()) } else { String::new() };
        let told = format!("not applicable by plan: {reason}{waits}");
        paper.put(vec![cx.dim("– "), styled(&told, Theme::text())], 2);
    }
    for act in &state.exemptions {
        let told = format!("{}: not applicable · log #{}", cx.person(&act.by), act.seq);
        paper.put(vec![cx.dim("– "), styled(&told, Theme::text())], 2);
        paper.put(vec![Span::raw("  "), cx.dim(&act.reason)], 2);
    }
    for act in &state.waivers {
        waiver(cx, paper, act);
    }
}

fn waiver(cx: &Context, paper: &mut TextBuilder, act: &Waiver) {
    let over = act.until <= cx.run.now.wall;
    let tone = if over { StyleRole::Stale } else { StyleRole::Waived };
    let until = act.until.readable();
    let term = if over { format!("expired {until}") } else { format!("until {until}") };
    let told = format!("{} waived, {term} · log #{}", cx.person(&act.by), act.seq);
    paper.put(vec![cx.toned("≈ ", tone), styled(&told, Theme::text())], 2);
    paper.put(vec![Span::raw("  "), cx.dim(&act.reason)], 2);
}
