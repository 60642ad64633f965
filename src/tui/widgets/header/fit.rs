//! Which parts of the header are shown, and in which form, in the room that there is.

use ratatui::text::Span;

/// Between two parts.
const GAP: usize = 2;

/// A form of a part, and its rank. Forms with rank 0 are always shown; the others are given room in the order of their
/// ranks, whatever else is on the line.
pub type RankedForm = (u8, Vec<Span<'static>>);

/// A part of the header: its forms, the shortest first, with rising ranks.
pub struct HeaderPart(Vec<RankedForm>);

impl HeaderPart {
    /// A part with several forms.
    pub fn new(forms: impl IntoIterator<Item = RankedForm>) -> Self {
        Self(forms.into_iter().collect())
    }

    /// A part that has one form.
    pub fn of(rank: u8, spans: Vec<Span<'static>>) -> Self {
        Self(vec![(rank, spans)])
    }
}

/// The form of each part that fits; none where no form does.
pub fn fit(parts: Vec<HeaderPart>, room: usize) -> Vec<Option<Vec<Span<'static>>>> {
    let size = |spans: &[Span]| match spans.iter().map(Span::width).sum::<usize>() {
        0 => 0,
        width => width + GAP,
    };
    let mut order: Vec<_> = parts
        .iter()
        .enumerate()
        .flat_map(|(part, HeaderPart(forms))| {
            forms.iter().enumerate().map(move |(form, (rank, _))| (*rank, part, form))
        })
        .collect();
    order.sort_unstable();
    let mut chosen: Vec<Option<usize>> = vec![None; parts.len()];
    let mut used = 0;
    for (rank, part, form) in order {
        let forms = &parts[part].0;
        let size_of = |form: usize| forms.get(form).map_or(0, |(_, spans)| size(spans));
        let now = used - chosen[part].map_or(0, size_of) + size_of(form);
        if rank == 0 || now <= room {
            (used, chosen[part]) = (now, Some(form));
        }
    }
    let form = |(HeaderPart(forms), form): (HeaderPart, Option<usize>)| Some(forms.into_iter().nth(form?)?.1);
    parts.into_iter().zip(chosen).map(form).collect()
}

/// The parts that are shown, with gaps between them.
pub fn join(parts: Vec<Option<Vec<Span<'static>>>>) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    for part in parts.into_iter().flatten().filter(|part| !part.is_empty()) {
        if !spans.is_empty() {
            spans.push(Span::raw(" ".repeat(GAP)));
        }
        spans.extend(part);
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(forms: &[&[(u8, &'static str)]], room: usize) -> String {
        let part = |forms: &&[(u8, &'static str)]| {
            HeaderPart::new(forms.iter().map(|(rank, text)| (*rank, vec![Span::raw(*text)])))
        };
        let spans = join(fit(forms.iter().map(part).collect(), room));
        spans.iter().map(|span| span.content.as_ref()).collect()
    }

    #[test]
    fn room_is_given_in_the_order_of_the_ranks() {
        let parts: &[&[(u8, &str)]] =
            &[&[(0, "go"), (2, "gonogo")], &[(1, "v1")], &[(3, "3"), (4, "3 to confirm")], &[(5, "alice")]];
        for (room, expected) in [
            (0, "go"),
            (8, "go  v1"),
            (11, "go  v1  3"),
            (12, "gonogo  v1"),
            (15, "gonogo  v1  3"),
            (26, "gonogo  v1  3 to confirm"),
            // The words count more than the name.
            (25, "gonogo  v1  3  alice"),
            (33, "gonogo  v1  3 to confirm  alice"),
        ] {
            assert_eq!(shown(parts, room), expected, "{room}");
        }
    }
}
