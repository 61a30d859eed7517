CREATE TABLE IF NOT EXISTS ml.segment_profiles (
  run_id LowCardinality(String) COMMENT 'The run that wrote the row.',
  as_of Date32 COMMENT 'The features are as known at the end of this day, UTC.',
  computed_at DateTime64(3, 'UTC') COMMENT 'When the run computed it; the same in all rows of a run.',
  segment Int32 COMMENT 'Number that the segment keeps from run to run; a new one takes a number never used before.',
  segment_name LowCardinality(String) COMMENT 'Name from the profile, unique within the run.',
  meaning String COMMENT 'The profile in words.',
  customers Int64 COMMENT 'Customers in the segment.',
  share Float64 COMMENT 'Share of all customers, 0 to 1.',
  revenue Float64 COMMENT 'Net revenue of the segment, EUR.',
  revenue_share Float64 COMMENT 'Share of all net revenue; 0 where nobody brought any.',
  previous_run String COMMENT 'The run whose segments these were matched with; empty for the first.',
  overlap Float64 COMMENT 'Jaccard index with the segment of that number in the run before; 0 for a new one.',
  mean_recency_days Float64 COMMENT 'Mean of days since the last purchase over the segment.',
  median_recency_days Float64 COMMENT 'Median of days since the last purchase over the segment.',
  mean_orders Float64 COMMENT 'Mean of orders over the segment.',
  median_orders Float64 COMMENT 'Median of orders over the segment.',
  mean_net_revenue Float64 COMMENT 'Mean of net revenue over the segment.',
  median_net_revenue Float64 COMMENT 'Median of net revenue over the segment.',
  mean_average_order_value Float64 COMMENT 'Mean of average order value over the segment.',
  median_average_order_value Float64 COMMENT 'Median of average order value over the segment.',
  mean_sessions_90d Float64 COMMENT 'Mean of sessions in the last 90 days over the segment.',
  median_sessions_90d Float64 COMMENT 'Median of sessions in the last 90 days over the segment.',
  mean_cart_abandon_rate Float64 COMMENT 'Mean of share of carts abandoned over the segment.',
  median_cart_abandon_rate Float64 COMMENT 'Median of share of carts abandoned over the segment.',
  mean_categories Float64 COMMENT 'Mean of categories bought from over the segment.',
  median_categories Float64 COMMENT 'Median of categories bought from over the segment.',
  mean_discount_share Float64 COMMENT 'Mean of discount as a share of gross value over the segment.',
  median_discount_share Float64 COMMENT 'Median of discount as a share of gross value over the segment.',
  mean_return_rate Float64 COMMENT 'Mean of share of purchases returned or cancelled over the segment.',
  median_return_rate Float64 COMMENT 'Median of share of purchases returned or cancelled over the segment.',
  _ingested_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When ClickHouse took the row.'
)
ENGINE = ReplacingMergeTree
ORDER BY (run_id, segment)
COMMENT 'One row per run and segment: its size and its features.';

CREATE TABLE IF NOT EXISTS ml.k_selection (
  run_id LowCardinality(String) COMMENT 'The run that wrote the row.',
  as_of Date32 COMMENT 'The features are as known at the end of this day, UTC.',
  computed_at DateTime64(3, 'UTC') COMMENT 'When the run computed it; the same in all rows of a run.',
  k Int32 COMMENT 'Number of clusters tried.',
  silhouette Float64 COMMENT 'Mean silhouette of a sample by squared Euclidean distance, -1 to 1.',
  seed_stability Float64 COMMENT 'Median adjusted Rand index against clusterings of a sample with other seeds.',
  bootstrap_stability Float64 COMMENT 'The same against clusterings of samples drawn with replacement.',
  cost Float64 COMMENT 'Sum of squared distances to the centres, of the sample.',
  chosen Int32 COMMENT '1 for the number that the segments were made with, else 0.',
  _ingested_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When ClickHouse took the row.'
)
ENGINE = ReplacingMergeTree
ORDER BY (run_id, k)
COMMENT 'One row per run and number of clusters tried.';

CREATE TABLE IF NOT EXISTS ml.segment_inputs (
  run_id LowCardinality(String) COMMENT 'The run that wrote the row.',
  as_of Date32 COMMENT 'The features are as known at the end of this day, UTC.',
  computed_at DateTime64(3, 'UTC') COMMENT 'When the run computed it; the same in all rows of a run.',
  feature LowCardinality(String) COMMENT 'Column of marts.customer_features.',
  used Int32 COMMENT '1 for a feature that tells customers apart, 0 for one that is the same for all.',
  logged Int32 COMMENT '1 where the logarithm was taken, else 0.',
  missing Int64 COMMENT 'Customers without a value, who were given the median.',
  low Float64 COMMENT 'Lower bound, in the feature\'s unit; NaN where there is none.',
  high Float64 COMMENT 'Upper bound, in the feature\'s unit; NaN where there is none.',
  outliers Int64 COMMENT 'Customers beyond the bounds, who were clustered as if they lay on them.',
  least Float64 COMMENT 'The smallest value of any customer; NaN where nobody has one.',
  greatest Float64 COMMENT 'The greatest; NaN where nobody has one.',
  _ingested_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When ClickHouse took the row.'
)
ENGINE = ReplacingMergeTree
ORDER BY (run_id, feature)
COMMENT 'One row per run and feature: how it was prepared for clustering, and who lies far out.';

CREATE TABLE IF NOT EXISTS ml.customer_segments (
  run_id LowCardinality(String) COMMENT 'The run that wrote the row.',
  as_of Date32 COMMENT 'The features are as known at the end of this day, UTC.',
  computed_at DateTime64(3, 'UTC') COMMENT 'When the run computed it; the same in all rows of a run.',
  customer_id String COMMENT 'Who.',
  segment Int32 COMMENT 'Number that the segment keeps from run to run; a new one takes a number never used before.',
  segment_name LowCardinality(String) COMMENT 'Name from the profile, unique within the run.',
  distance Float64 COMMENT 'Distance to the centre of the segment, in standard deviations of the scaled features.',
  previous_segment Int32 COMMENT 'The customer\'s segment in the run before; 0 for who was not in it.',
  outlier_in String COMMENT 'Features in which the customer lies beyond the bounds, by comma; empty for most.',
  _ingested_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When ClickHouse took the row.'
)
ENGINE = ReplacingMergeTree
ORDER BY (run_id, customer_id)
COMMENT 'One row per run and customer with at least one purchase.';

CREATE TABLE IF NOT EXISTS ml.churn_evaluation (
  run_id LowCardinality(String) COMMENT 'The run that wrote the row.',
  as_of Date32 COMMENT 'The features are as known at the end of this day, UTC.',
  computed_at DateTime64(3, 'UTC') COMMENT 'When the run computed it; the same in all rows of a run.',
  model LowCardinality(String) COMMENT 'Model or baseline.',
  cutoff_day Date32 COMMENT 'Cutoff of the test set: its 90 days begin after this UTC day.',
  customers Int64 COMMENT 'Customers in the test set.',
  churned Int64 COMMENT 'Of them, those who bought nothing in the 90 days.',
  roc_auc Float64 COMMENT 'Area under the ROC curve; 0.5 is chance.',
  pr_auc Float64 COMMENT 'Average precision; the share of the churned is chance.',
  precision_at_top Float64 COMMENT 'Share of churned among the customers at the top.',
  recall_at_top Float64 COMMENT 'Share of the churned who are among the customers at the top.',
  top Int64 COMMENT 'How many customers the top is.',
  f1 Float64 COMMENT 'Harmonic mean of precision and recall at the threshold.',
  brier Float64 COMMENT 'Mean squared error of the probability, 0 to 1; lower is better.',
  threshold Float64 COMMENT 'Probability from which an offer pays, found on the training cutoffs.',
  profit Float64 COMMENT 'Of the offers from the threshold on, EUR, at the run\'s costs.',
  train_seconds Float64 COMMENT 'Time of the fit, without the search.',
  chosen Int32 COMMENT '1 for the model that the run registered, else 0.',
  _ingested_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When ClickHouse took the row.'
)
ENGINE = ReplacingMergeTree
ORDER BY (run_id, model)
COMMENT 'One row per run and model: how well it tells who churns, on customers of a later cutoff.';

CREATE TABLE IF NOT EXISTS ml.churn_scores (
  run_id LowCardinality(String) COMMENT 'The run that wrote the row.',
  as_of Date32 COMMENT 'The features are as known at the end of this day, UTC.',
  computed_at DateTime64(3, 'UTC') COMMENT 'When the run computed it; the same in all rows of a run.',
  customer_id String COMMENT 'Who.',
  churn_score Float64 COMMENT 'Probability to buy nothing in the 90 days after the as-of day, 0 to 1.',
  offer Int32 COMMENT '1 where an offer pays by the model\'s threshold, else 0.',
  factors String COMMENT 'What moves the score most, strongest first: feature = value; (+) is towards churn.',
  model_version Int32 COMMENT 'Version in the registry of the model that scored: the champion at that time.',
  _ingested_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When ClickHouse took the row.'
)
ENGINE = ReplacingMergeTree
ORDER BY (run_id, customer_id)
COMMENT 'One row per run and customer with at least one purchase.';

CREATE TABLE IF NOT EXISTS ml.lifetime_values (
  run_id LowCardinality(String) COMMENT 'The run that wrote the row.',
  as_of Date32 COMMENT 'The features are as known at the end of this day, UTC.',
  computed_at DateTime64(3, 'UTC') COMMENT 'When the run computed it; the same in all rows of a run.',
  customer_id String COMMENT 'Who.',
  p_alive Float64 COMMENT 'Probability that the customer has not left, 0 to 1.',
  expected_order_value Float64 COMMENT 'Mean net value of a day with purchases to come, EUR.',
  purchases_3m Float64 COMMENT 'Expected days with purchases within 3 months.',
  purchases_3m_low Float64 COMMENT 'Expected days with purchases within 3 months, lower end of 95 %.',
  purchases_3m_high Float64 COMMENT 'Expected days with purchases within 3 months, upper end of 95 %.',
  value_3m Float64 COMMENT 'Expected net value, EUR, within 3 months.',
  value_3m_low Float64 COMMENT 'Expected net value, EUR, within 3 months, lower end of 95 %.',
  value_3m_high Float64 COMMENT 'Expected net value, EUR, within 3 months, upper end of 95 %.',
  purchases_6m Float64 COMMENT 'Expected days with purchases within 6 months.',
  purchases_6m_low Float64 COMMENT 'Expected days with purchases within 6 months, lower end of 95 %.',
  purchases_6m_high Float64 COMMENT 'Expected days with purchases within 6 months, upper end of 95 %.',
  value_6m Float64 COMMENT 'Expected net value, EUR, within 6 months.',
  value_6m_low Float64 COMMENT 'Expected net value, EUR, within 6 months, lower end of 95 %.',
  value_6m_high Float64 COMMENT 'Expected net value, EUR, within 6 months, upper end of 95 %.',
  purchases_12m Float64 COMMENT 'Expected days with purchases within 12 months.',
  purchases_12m_low Float64 COMMENT 'Expected days with purchases within 12 months, lower end of 95 %.',
  purchases_12m_high Float64 COMMENT 'Expected days with purchases within 12 months, upper end of 95 %.',
  value_12m Float64 COMMENT 'Expected net value, EUR, within 12 months.',
  value_12m_low Float64 COMMENT 'Expected net value, EUR, within 12 months, lower end of 95 %.',
  value_12m_high Float64 COMMENT 'Expected net value, EUR, within 12 months, upper end of 95 %.',
  _ingested_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When ClickHouse took the row.'
)
ENGINE = ReplacingMergeTree
ORDER BY (run_id, customer_id)
COMMENT 'One row per run and customer with at least one purchase. Intervals are of the expectation.';

CREATE TABLE IF NOT EXISTS ml.cart_scores (
  run_id LowCardinality(String) COMMENT 'The run that wrote the row.',
  as_of Date32 COMMENT 'The features are as known at the end of this day, UTC.',
  computed_at DateTime64(3, 'UTC') COMMENT 'When the run computed it; the same in all rows of a run.',
  session_key String COMMENT 'The session, as in marts.cart_sessions.',
  abandon_score Float64 COMMENT 'Probability that nothing is bought in the session, 0 to 1.',
  is_abandoned Int32 COMMENT '1 where nothing was bought in it, else 0.',
  factors String COMMENT 'What moves the score most, strongest first: feature = value; (+) is towards abandonment.',
  _ingested_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When ClickHouse took the row.'
)
ENGINE = ReplacingMergeTree
ORDER BY (run_id, session_key)
COMMENT 'One row per run and session with a cart of the test days, which the model had not seen.';
