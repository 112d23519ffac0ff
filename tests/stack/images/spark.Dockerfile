# Stands in for apache/spark: the same paths and user, with the Spark that PyPI has.
FROM localhost/sluice-stack-java
RUN cp -r /deps/venv/lib/python3.11/site-packages/pyspark /opt/spark \
    && useradd --uid 185 --create-home spark
USER spark
