//! Appearance: colours, symbols, text measurement, layout.

pub mod layout;
pub mod symbols;
pub mod text;
pub mod theme;
