//! What Kubernetes documents about its patches, as tables; and the laws that hold for any input.

mod json;
mod laws;
mod strategic;
