//! What the keys do, and which of them do something here.

use crossterm::event::KeyEvent;
use ratatui::text::{Line, Span};

use super::{Dialog, close_on_enter};
use crate::checklist::{Point, PointId};
use crate::run::Status;
use crate::time::Utc;
use crate::tui::context::{Context, padded};
use crate::tui::keymap::{ACTING, Binding, MOUSE, MOVING, REVIEW, RUN};
use crate::tui::layer::Reaction;
use crate::tui::style::symbols::of_status;
use crate::tui::style::text::width as cells_of;
use crate::tui::style::text::{styled, wrap};
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::dialog_view::DialogView;

/// The width of the column of keys.
const KEYS: usize = 16;

/// What works here.
#[derive(Clone, Debug)]
pub struct HelpDialog {
    /// The selected point, if there is one.
    pub point: Option<PointId>,
}

impl Dialog for HelpDialog {
    fn view(&self, cx: &Context, width: usize) -> DialogView {
        sheet(cx, width, self.point.as_ref().and_then(|id| cx.plan().point(id)))
    }

    fn key(&mut self, key: KeyEvent, _: &Context) -> Reaction {
        close_on_enter(key)
    }
}

fn sheet(cx: &Context, width: usize, point: Option<&Point>) -> DialogView {
    let mut sheet = DialogView::new("help", StyleRole::Settled);
    let half = width.saturating_sub(2) / 2;
    let id = point.map_or("", |point| point.id.as_str());
    let group = |title: &str, bindings| group(cx, title, bindings, point);
    let acting = group(&format!("on {id}"), ACTING);
    let (moving, run) = (group("moving about", MOVING), group("for the whole run", RUN));
    let acting = if cx.is_review() { pairs(cx, "in time", REVIEW) } else { acting };
    if half >= 46 {
        sheet.body = beside(acting, moving, half);
        sheet.gap();
        let mut left = run;
        left.push(Line::default());
        left.extend(mouse(cx));
        sheet.body.extend(beside(left, signs(cx, half), half));
    } else {
        for part in [acting, moving, run, mouse(cx), signs(cx, width)] {
            sheet.body.extend(part.into_iter().flat_map(|line| wrap(line.spans, width, KEYS)));
            sheet.gap();
        }
        sheet.body.pop();
    }
    sheet.keys(cx, &[("Esc", "back")], width);
    sheet
}

fn beside(left: Vec<Line<'static>>, right: Vec<Line<'static>>, half: usize) -> Vec<Line<'static>> {
    let rows = left.len().max(right.len());
    let (mut left, mut right) = (left.into_iter(), right.into_iter());
    let row = |_| {
        let mut spans = padded(left.next().unwrap_or_default().spans, half + 2);
        spans.extend(right.next().unwrap_or_default().spans);
        Line::from(spans)
    };
    (0..rows).map(row).collect()
}

/// The keys of a group; what does nothing here is set back, and said in brackets.
fn group(cx: &Context, title: &str, bindings: &[Binding], point: Option<&Point>) -> Vec<Line<'static>> {
    let mut lines = vec![Line::from(cx.dim(title))];
    for binding in bindings {
        let works = cx.works(binding.intent, point);
        let (keys, text) =
            if works { (cx.theme.accent(), Theme::text()) } else { (cx.theme.dim(), cx.theme.dim()) };
        let fill = " ".repeat(KEYS.saturating_sub(cells_of(binding.keys)));
        let does = if works { binding.does.to_owned() } else { format!("({})", binding.does) };
        lines.push(Line::from(vec![styled(binding.keys, keys), Span::raw(fill), styled(&does, text)]));
    }
    lines
}

fn mouse(cx: &Context) -> Vec<Line<'static>> {
    pairs(cx, "with the mouse", MOUSE)
}

fn pairs(cx: &Context, title: &str, pairs: &[(&str, &str)]) -> Vec<Line<'static>> {
    let line = |(what, does): &(&str, &str)| {
        let what = padded(vec![styled(what, cx.theme.accent())], KEYS).into_iter();
        Line::from(what.chain([styled(does, Theme::text())]).collect::<Vec<_>>())
    };
    let title = Line::from(cx.dim(title));
    std::iter::once(title).chain(pairs.iter().map(line)).collect()
}

/// The signs and what they stand for, two in a row.
fn signs(cx: &Context, width: usize) -> Vec<Line<'static>> {
    let until = Utc::from_millis(0);
    let needs = Status::NeedsConfirmation { confirmed: 0, required: 1 };
    let all = [
        Status::Pending,
        Status::Passed,
        Status::PassedOnRetry(2),
        Status::Confirmed,
        needs,
        Status::NeedsAction(String::new()),
        Status::Running(String::new()),
        Status::Interrupted(String::new()),
        Status::Failed,
        Status::Error,
        Status::Stale,
        Status::Unconfigured(Vec::new()),
        Status::Blocked(String::new()),
        Status::NotDue(String::new()),
        Status::Waived(until),
        Status::NotApplicable,
    ];
    let mut lines = vec![Line::from(cx.dim("signs"))];
    for pair in all.chunks(2) {
        let cells = pair.iter().flat_map(|status| padded(sign(cx, status), width / 2));
        lines.push(Line::from(cells.collect::<Vec<_>>()));
    }
    lines
}

fn sign(cx: &Context, status: &Status) -> Vec<Span<'static>> {
    let (sign, tone) = of_status(status);
    let fill = " ".repeat(3 - cells_of(sign).min(2));
    vec![cx.toned(&format!("{sign}{fill}"), tone), styled(&status.label(), Theme::text())]
}
