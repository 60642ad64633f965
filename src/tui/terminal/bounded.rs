//! A limit on the size of the terminal. A terminal may claim billions of cells, each of which takes memory.

use std::io;

use ratatui::backend::{Backend, ClearType, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};

/// The maximum number of columns and rows that are drawn.
const MAX_SIZE: Size = Size { width: 1000, height: 500 };

fn clamp(size: Size) -> Size {
    Size { width: size.width.min(MAX_SIZE.width), height: size.height.min(MAX_SIZE.height) }
}

/// A backend whose size is limited to [`MAX_SIZE`].
#[derive(Debug)]
pub struct BoundedBackend<B>(pub B);

impl<B: Backend<Error = io::Error>> Backend for BoundedBackend<B> {
    type Error = io::Error;

    fn draw<'a, I: Iterator<Item = (u16, u16, &'a Cell)>>(&mut self, content: I) -> io::Result<()> {
        self.0.draw(content)
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.0.hide_cursor()
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.0.show_cursor()
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        self.0.get_cursor_position()
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.0.set_cursor_position(position)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.0.clear()
    }

    fn clear_region(&mut self, region: ClearType) -> io::Result<()> {
        self.0.clear_region(region)
    }

    fn size(&self) -> io::Result<Size> {
        self.0.size().map(clamp)
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        self.0.window_size()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_is_limited() {
        for (size, drawn) in [((65535, 65535), (1000, 500)), ((3, 65535), (3, 500)), ((80, 24), (80, 24))] {
            assert_eq!(clamp(size.into()), Size::from(drawn));
        }
    }
}
