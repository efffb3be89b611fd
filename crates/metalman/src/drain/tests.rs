//! The decisions by themselves, and passes against the embedded API server. The tests play kubelets and controllers.

mod decisions;
mod passes;
