//! Field ownership by the documented behaviour of server-side apply, as tables; and the laws that hold for any input.

mod apply;
mod conflicts;
mod handover;
mod laws;
mod order;
mod sets;
mod update;
mod widget;
