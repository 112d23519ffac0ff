-- The table that Sluice writes, by name in Spark's catalog: once, and again at no cost.
--
--   beeline -u jdbc:hive2://spark-thrift-server:10000 -f register.sql
--
-- DELTA_LAKE_PATH, in the environment of the server, is where the pipeline writes to, as
-- s3a://my-bucket/delta-lake.

-- Fails, and beeline with it, while Sluice has not made the table: try again then. The statement
-- below would make one of its own there, without columns.
SELECT * FROM delta.`${env:DELTA_LAKE_PATH}` LIMIT 0;

CREATE TABLE IF NOT EXISTS default.vehicle_positions USING delta LOCATION '${env:DELTA_LAKE_PATH}';
