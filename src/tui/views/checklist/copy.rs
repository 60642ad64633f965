//! The commands that show by hand what the probes of a point saw, for the clipboard.

use crate::checklist::{Point, Probe, ProbeKey};
use crate::run::PointState;
use crate::text;
use crate::tui::app::{App, Effect};
use crate::tui::views::checklist::probe_results::rank;

impl App {
    /// `y`: the command of the first probe in trouble, else of the first; again, the next one's.
    pub fn copy(&mut self) -> Vec<Effect> {
        let here = self.point().and_then(|point| Some((point, self.state.point(&point.id)?)));
        let all = here.map(|(point, state)| commands(point, state)).unwrap_or_default();
        let last = all.iter().position(|(key, ..)| self.copied.as_ref() == Some(key));
        let next = last.map_or(0, |last| (last + 1) % all.len());
        let Some((key, title, command)) = all.get(next).cloned() else {
            self.refuse("no probe has told a command yet that shows the same");
            return Vec::new();
        };
        let place = if all.len() > 1 { format!("{} of {}: ", next + 1, all.len()) } else { String::new() };
        self.copied = Some(key);
        // Whether it takes it, a terminal does not tell.
        self.say(&format!("{place}{title} · sent to the terminal's clipboard: {command}"));
        vec![Effect::Copy(command)]
    }
}

/// Every probe that has told a command, its title and the command, in the order of the detail.
fn commands(point: &Point, state: &PointState) -> Vec<(ProbeKey, String, String)> {
    let known = |probe: &Probe| state.probes.get(&probe.id);
    let mut probes: Vec<_> = point.probes.iter().collect();
    probes.sort_by_key(|probe| rank(known(probe).and_then(|known| known.latest.as_ref())));
    let command = |probe: &Probe| {
        let known = known(probe)?;
        let told = &known.latest.as_ref().or(known.before.as_ref())?.outcome.reproduce;
        let key = ProbeKey::new(&point.id, &probe.id);
        (!told.is_empty()).then(|| (key, text::line(&probe.title), text::line(told)))
    };
    probes.into_iter().filter_map(command).collect()
}

/// Whether there is anything to copy.
pub fn has_command(point: &Point, state: &PointState) -> bool {
    !commands(point, state).is_empty()
}
