//! `-o`: how results are printed.

use clap::ValueEnum;

/// Form of the results on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// A table for people.
    Table,
    /// The table with more columns.
    Wide,
    /// The objects as JSON.
    Json,
    /// The objects as YAML.
    Yaml,
    /// `machine.unbounded-cloud.io/NAME`, one a line.
    Name,
}
