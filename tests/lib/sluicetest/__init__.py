# SPDX-License-Identifier: Apache-2.0
"""What the integration tests stand on: real servers, the sluice process, and
readers and a ledger that share no code with Sluice.

    deps     where tools/deps has put things
    process  a child process: started, waited for, stopped by its own pid, logged
    kafka    KafkaBroker: one KRaft node, with topics, producing, consuming
    s3       S3Client (own signatures), MinIO, Versitygw
    registry SchemaRegistry: Apicurio's, through its Confluent-compatible API
    sluice   Sluice: the binary with a pipeline file
    monitoring  Prometheus and Alertmanager with deploy/'s files, a webhook, a mail server
    ui       Ui: a running sluice's API, held against docs/openapi.yaml
    delta    reading tables by delta-rs, and the log as it lies there
    status   a stand-in for the status page's server, with made-up states
    browser  a headless Chromium
    spark    a Spark session with Delta, Kafka and S3
    thrift   SparkThriftServer: what beeline and dbt talk to, set up by deploy/spark
    ledger   which produced records are missing, doubled or wrong in a table
"""
