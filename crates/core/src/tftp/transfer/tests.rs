mod lossy;
mod simulation;
mod steps;
