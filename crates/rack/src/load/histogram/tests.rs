use super::*;

#[test]
fn every_value_lies_in_a_bucket_whose_edge_is_at_most_a_thirtysecond_above_it() {
    for value in (0..5_000).chain((1..40).map(|bits| (1_u64 << bits) + 12_345)) {
        let edge = upper_edge(bucket(value));
        assert!(edge >= value, "{value} is above its edge {edge}");
        assert!(edge - value <= value / 32, "{value} is too far below its edge {edge}");
    }
}

#[test]
fn quantiles_are_those_of_the_values() {
    let mut histogram = Histogram::default();
    for micros in 1..=1_000 {
        histogram.record(Duration::from_micros(micros));
    }
    let near = |share: f64, expected: f64| {
        let got = histogram.quantile(share).as_secs_f64() * 1e6;
        assert!((got - expected).abs() <= expected / 30.0, "quantile {share}: {got} instead of {expected}");
    };
    near(0.5, 500.0);
    near(0.99, 990.0);
    assert_eq!(histogram.quantile(1.0), Duration::from_millis(1));
}

#[test]
fn an_empty_one_is_all_zeros() {
    let summary = Histogram::default().summary();
    assert_eq!((summary.count, summary.p99_ms.to_bits()), (0, 0.0_f64.to_bits()));
}
