//! Somebody else comes to this keyboard; their key is unlocked beside the screen.

use crate::run::{Act, Request};
use crate::tui::app::HostEffect;
use crate::tui::dialogs::add_operator::AddOperatorDialog;
use crate::tui::dialogs::text_prompt::TextPrompt;
use crate::tui::tests::keys::{Screen, screen};
use crate::tui::tests::sample::mixed;
use crate::tui::{Msg, Unlocked};

const CAROLS: &str = "ssh-ed25519 of carol";

/// Carol has typed her name and her key, and waits.
fn waiting() -> Screen {
    let screen = screen(&mixed(), (130, 40)).press("pcarol@x⏎key⏎");
    assert!(matches!(&screen.effects[..], [HostEffect::Unlock(newcomer)] if newcomer.principal == "carol@x"));
    screen
}

fn unlocked(mut screen: Screen) -> Screen {
    let effects = screen.app.update(Msg::Unlocked(Ok(Unlocked::Key(CAROLS.into()))));
    screen.effects.extend(effects);
    screen
}

/// Otherwise the key that was unlocked for one would be taken for another's.
#[test]
fn what_is_typed_while_a_key_is_unlocked_changes_neither_name_nor_key() {
    let screen = waiting().press("⇥⇥x⏎").paste("y");
    assert_eq!(screen.effects.len(), 1, "nothing is unlocked twice");
    let screen = unlocked(screen);
    assert!(matches!(&screen.acts()[..], [Act::Join { key, .. }] if key == CAROLS));
    let requests = screen.requests();
    assert!(matches!(&requests[..], [(_, Request::Act(command))] if command.by == "carol@x"), "{requests:?}");
}

#[test]
fn a_key_that_comes_when_nobody_waits_any_more_is_nobodys() {
    let screen = unlocked(waiting().press("⎋n"));
    assert!(screen.dialog::<TextPrompt>().is_some(), "{:?}", screen.app.layers);
    assert!(screen.acts().is_empty());
    // Another form, in which another name is being typed.
    let screen = unlocked(waiting().press("⎋pmallory@x⏎"));
    assert!(screen.dialog::<AddOperatorDialog>().is_some(), "{:?}", screen.app.layers);
    assert!(screen.acts().is_empty());
}
