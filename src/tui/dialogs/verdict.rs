//! The verdict with its reasons, and the question whether to seal.

use ratatui::text::Span;

use crate::checklist::Role;
use crate::journal::entry::{Decision, Reason, Verdict};
use crate::run::{StandingVerdict, judge};
use crate::text;
use crate::tui::context::View;
use crate::tui::style::text::width as cells_of;
use crate::tui::style::text::{at_most, ink, wrap};
use crate::tui::style::theme::{Theme, Tone};
use crate::tui::widgets::dialog_view::Sheet;
use crate::tui::widgets::header::tone;

/// From how many cells on reasons are told at length; a list that scrolls without end is not read.
const ROOMY: usize = 60;

/// The verdict as of now, why, and what stands recorded.
pub fn sheet(view: &View, width: usize) -> Sheet {
    let now = shown(view);
    let mut sheet = Sheet::new("verdict", tone(now.decision));
    let badge = ink(&format!(" {} ", now.decision), view.theme.badge(tone(now.decision)));
    let count = format!("  {} of {} closed", now.closed, text::count(to_usize(now.total), "point"));
    sheet.put(vec![badge, ink(&count, Theme::text())], width, 0);
    if width >= ROOMY || now.reasons.is_empty() {
        sheet.put(vec![view.dim(meaning(now.decision))], width, 0);
    }
    // What stands comes before why: of a long list only the beginning is in view.
    if let Some(end) = &view.app.state.abandoned {
        let (who, reason) = (view.person(&end.by), text::line(&end.reason));
        let told = format!("● abandoned by {who}, {}: {reason}", end.at.wall.readable());
        sheet.put(vec![view.toned(&told, Tone::Settled)], width, 2);
    }
    standing(view, &mut sheet, width, &now);
    reasons(view, &mut sheet, width, &now);
    let mut keys = Vec::new();
    let record = format!("record this verdict as {}", view.name(&view.app.me.principal));
    if can_record(view) {
        keys.push(("y", record.as_str()));
    }
    if view.app.can_seal() {
        keys.push(("s", "seal"));
    }
    keys.push(("Esc", "back"));
    if view.app.can_abandon() {
        keys.push(("a", "abandon the run"));
    }
    sheet.keys(view, &keys, width);
    sheet
}

/// What is sealed stays as it was judged; anything else is judged now.
fn shown(view: &View) -> Verdict {
    match &view.app.state.verdict {
        Some(StandingVerdict { decision, closed, reasons, .. }) if view.app.state.is_closing() => {
            let total = view.plan().points().count() as u64;
            Verdict { decision: *decision, closed: *closed, total, reasons: reasons.clone() }
        }
        _ => judge(&view.judgement),
    }
}

fn to_usize(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

const fn meaning(decision: Decision) -> &'static str {
    match decision {
        Decision::Go => "Every point is closed.",
        Decision::NoGo => "Something is wrong, could not be looked at, or is not configured.",
        Decision::Pending => "Nothing speaks against it, but not every point is closed.",
    }
}

/// Recording the same verdict again says nothing new.
pub fn can_record(view: &View) -> bool {
    let (state, now) = (&view.app.state, shown(view));
    let same =
        |standing: &StandingVerdict| standing.decision == now.decision && standing.reasons == now.reasons;
    !state.is_closing() && !state.verdict.as_ref().is_some_and(same)
}

fn reasons(view: &View, sheet: &mut Sheet, width: usize, verdict: &Verdict) {
    if verdict.reasons.is_empty() {
        return;
    }
    sheet.gap();
    let longest = verdict.reasons.iter().map(|reason| cells_of(&reason.point)).max().unwrap_or(0);
    let column = longest.min(width * 2 / 5);
    for reason in &verdict.reasons {
        let lines = wrap(against(view, reason, column), width, if width >= ROOMY { 5 + column } else { 3 });
        let most = match view.plan().point(&reason.point).map(|point| view.status(point)) {
            _ if width >= ROOMY => lines.len(),
            Some(status) if status.is_bad() => 2,
            _ => 1,
        };
        sheet.body.extend(at_most(lines, most, width));
    }
}

/// What speaks against GO at one point.
fn against(view: &View, reason: &Reason, column: usize) -> Vec<Span<'static>> {
    let (sign, tone) = match view.plan().point(&reason.point) {
        Some(point) => view.settled_sign(point, &view.status(point)),
        None => ("·", Tone::Idle),
    };
    let id = text::line(&reason.point);
    let fill = " ".repeat(column.saturating_sub(cells_of(&id)) + 2);
    let sign_fill = " ".repeat(3 - cells_of(sign).min(2));
    let why = if reason.why.is_empty() { String::new() } else { format!(" · {}", reason.why) };
    vec![
        view.toned(&format!("{sign}{sign_fill}"), tone),
        ink(&format!("{id}{fill}"), Theme::text()),
        view.toned(&reason.status, tone),
        view.dim(&why),
    ]
}

fn standing(view: &View, sheet: &mut Sheet, width: usize, now: &Verdict) {
    let Some(standing) = &view.app.state.verdict else {
        let told = "No verdict is recorded, or something has changed since.";
        return sheet.put(vec![view.dim(told)], width, 0);
    };
    let by = format!(
        "● {} is recorded by {}, {} · entry {}",
        standing.decision,
        view.person(&standing.by),
        view.ago(&standing.at),
        standing.seq
    );
    sheet.put(vec![view.toned(&by, Tone::Settled)], width, 2);
    if standing.decision != now.decision {
        let told = "Time has changed it since: record it again before you seal.";
        sheet.put(vec![view.toned(told, Tone::Needs)], width, 0);
    }
    seals(view, sheet, width);
}

/// Which seals stand, and which are missing.
fn seals(view: &View, sheet: &mut Sheet, width: usize) {
    let state = &view.app.state;
    for seal in &state.seals {
        let told = format!("● sealed by {}, {}", view.person(&seal.by), seal.at.wall.readable());
        sheet.put(vec![view.toned(&told, Tone::Settled)], width, 2);
    }
    for role in state.missing_seals().into_iter().filter(|_| state.abandoned.is_none()) {
        sheet.put(vec![view.dim(&format!("○ the {role}'s seal is missing{}", who(view, role)))], width, 2);
    }
}

fn who(view: &View, role: Role) -> String {
    let mut names = view.app.state.roster.iter().filter(|operator| operator.role == role);
    match names.next() {
        Some(operator) if operator.principal == view.app.me.principal => ": yours".into(),
        Some(operator) => format!(": {}", view.name(&operator.principal)),
        None => ": nobody takes part as one yet".into(),
    }
}

/// The question whether to seal, and what it means.
pub fn seal(view: &View, width: usize) -> Sheet {
    let state = &view.app.state;
    let decision = state.verdict.as_ref().map_or(Decision::Pending, |standing| standing.decision);
    let mut sheet = Sheet::new("seal the run", tone(decision));
    let badge = ink(&format!(" {decision} "), view.theme.badge(tone(decision)));
    sheet.put(vec![ink("You close this run as ", Theme::text()), badge], width, 0);
    sheet.gap();
    let told = "A seal is your signature over the whole log. Once it stands, nothing can be added to the run but \
                the seals that are missing: no look, no note, nothing taken back.";
    sheet.put(vec![Span::styled(told, Theme::text())], width, 0);
    sheet.gap();
    seals(view, &mut sheet, width);
    let me = view.person(&view.app.me.principal);
    sheet.keys(view, &[("y", &format!("seal as {me}")), ("Esc", "leave it open")], width);
    sheet
}
