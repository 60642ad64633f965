//! What the background reader reads for the layers.

use std::mem;

use super::{App, HostEffect};
use crate::tui::context::Context;
use crate::tui::input::Input;
use crate::tui::layer::Layer;
use crate::tui::reading::{ReadJob, ReadResult};
use crate::tui::views::output;

impl App {
    /// The next read job, if there is one.
    pub fn next_read_job(&mut self) -> Option<ReadJob> {
        self.next_output_job()
            .or_else(|| self.layers.iter().find_map(Layer::log_search).cloned().map(ReadJob::LogSearch))
    }

    fn next_output_job(&mut self) -> Option<ReadJob> {
        let outputs = self.run.outputs.clone()?;
        let area = self.area();
        let cx = Context::new(&self.run, &self.session, self.screen, area);
        let excerpt = self.layers.iter_mut().rev().find_map(|layer| layer.output_to_read(&cx));
        let is_stale = mem::take(&mut self.run.is_tail_stale);
        let tail = self.run.state.running_action().map(|(_, action_run)| action_run.seq);
        let is_needed = excerpt.is_some() || (is_stale && tail.is_some());
        is_needed.then(|| ReadJob::Output { outputs, excerpt, tail, size: output::text_size(area) })
    }

    /// Handles the result of a read job.
    pub fn on_read(&mut self, result: ReadResult) -> Vec<HostEffect> {
        match result {
            ReadResult::Output { excerpt, tail } => {
                self.run.tail = tail;
                excerpt.map_or_else(Vec::new, |excerpt| self.dispatch(&Input::OutputRead(Box::new(excerpt))))
            }
            ReadResult::LogSearch(search, result) => {
                self.dispatch(&Input::LogSearched(Box::new(search), result))
            }
        }
    }

    /// Whether a search has more to read.
    pub fn is_searching(&self) -> bool {
        self.layers.iter().any(Layer::is_searching)
    }

    /// Stops all searches.
    pub fn stop_searches(&mut self) {
        self.layers.iter_mut().for_each(Layer::stop_search);
    }
}
