//! What is read for the layers.

use std::mem;

use super::{App, HostEffect};
use crate::tui::context::Context;
use crate::tui::input::Input;
use crate::tui::layer::Layer;
use crate::tui::reading::{Job, Read};
use crate::tui::views::output;

impl App {
    /// What is to be read now, if anything is.
    pub fn unread(&mut self) -> Option<Job> {
        self.unread_output().or_else(|| self.layers.iter().find_map(Layer::seeking).cloned().map(Job::Seek))
    }

    fn unread_output(&mut self) -> Option<Job> {
        let outputs = self.run.outputs.clone()?;
        let area = self.area();
        let cx = Context::new(&self.run, &self.session, self.screen, area);
        let pager = self.layers.each().rev().find_map(|layer| layer.page_to_read(&cx));
        let is_stale = mem::take(&mut self.run.is_tail_stale);
        let tail = self.run.state.running_action().map(|(_, deed)| deed.seq);
        let is_wanted = pager.is_some() || (is_stale && tail.is_some());
        is_wanted.then(|| Job::Output { outputs, pager, tail, size: output::size(area) })
    }

    /// Takes in what was read.
    pub fn read(&mut self, read: Read) -> Vec<HostEffect> {
        match read {
            Read::Output { excerpt, tail } => {
                self.run.tail = tail;
                excerpt.map_or_else(Vec::new, |excerpt| self.pass(&Input::Output(Box::new(excerpt))))
            }
            Read::Sought(seek, came) => self.pass(&Input::Searched(Box::new(seek), came)),
        }
    }

    /// Whether there is something to be read at once.
    pub fn is_searching(&self) -> bool {
        self.layers.iter().any(Layer::is_searching)
    }

    /// Ends every search.
    pub fn stop_searches(&mut self) {
        self.layers.each().for_each(Layer::stop_search);
    }
}
