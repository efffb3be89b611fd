//! A virtual rack for tests, load and the demo: simulated machines that boot through metalman's servers, and simulated BMCs
//! with the faults that real ones have.
//!
//! Nothing is simulated yet: the rack grows with the servers that its machines boot from. The crate exists so that the
//! dependency rules of the workspace (`rack` may depend on everything but the agent) are checked from the start.
