//! Widgets for views and dialogs. They import neither.

pub mod action_text;
pub mod dialog_view;
pub mod entry_text;
pub mod header;
pub mod hint_line;
pub mod hit_map;
pub mod marked_text;
pub mod text_builder;
pub mod text_field;
