mod simulation;
mod steps;
