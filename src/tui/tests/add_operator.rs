//! Adding an operator, whose key is unlocked in the background.

use crate::tui::app::HostEffect;
use crate::tui::dialogs::add_operator::AddOperatorDialog;
use crate::tui::dialogs::text_prompt::TextPrompt;
use crate::tui::tests::sample::mixed;
use crate::tui::tests::test_screen::{TestScreen, screen};
use crate::tui::{Msg, UnlockResult};
use gonogo_core::run::{Act, Request};

const CAROLS_KEY: &str = "ssh-ed25519 of carol";

/// Carol has entered her name and key, and the key is being unlocked.
fn screen_unlocking_key() -> TestScreen {
    let screen = screen(&mixed(), (130, 40)).press("pcarol@x⏎key⏎");
    assert!(matches!(&screen.effects[..], [HostEffect::Unlock(request)] if request.principal == "carol@x"));
    screen
}

fn with_unlocked_key(mut screen: TestScreen) -> TestScreen {
    let effects = screen.app.update(Msg::KeyUnlocked(Ok(UnlockResult::Unlocked(CAROLS_KEY.into()))));
    screen.effects.extend(effects);
    screen
}

/// Otherwise one operator's key would be accepted for another.
#[test]
fn name_and_key_cannot_change_while_the_key_is_unlocked() {
    let screen = screen_unlocking_key().press("⇥⇥x⏎").paste("y");
    assert_eq!(screen.effects.len(), 1, "nothing is unlocked twice");
    let screen = with_unlocked_key(screen);
    assert!(matches!(&screen.acts()[..], [Act::Join { key, .. }] if key == CAROLS_KEY));
    let requests = screen.requests();
    assert!(matches!(&requests[..], [(_, Request::Act(command))] if command.by == "carol@x"), "{requests:?}");
}

#[test]
fn a_key_unlocked_for_a_closed_form_is_ignored() {
    let screen = with_unlocked_key(screen_unlocking_key().press("⎋n"));
    assert!(screen.dialog::<TextPrompt>().is_some(), "{:?}", screen.app.layers);
    assert!(screen.acts().is_empty());
    // Another form was opened, with another name.
    let screen = with_unlocked_key(screen_unlocking_key().press("⎋pmallory@x⏎"));
    assert!(screen.dialog::<AddOperatorDialog>().is_some(), "{:?}", screen.app.layers);
    assert!(screen.acts().is_empty());
}
