//! What everything looks like: colours, symbols, text, and where it stands.

pub mod layout;
pub mod symbols;
pub mod text;
pub mod theme;
