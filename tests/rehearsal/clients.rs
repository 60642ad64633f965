//! Stock clients talk to the embedded servers, and hear the protocol's own refusals.
