# SPDX-License-Identifier: Apache-2.0
#
# Spark with Delta, Kafka and S3: the jars that tools/maven/spark.xml names, with their sums checked.
#
#     docker build -f deploy/spark.Dockerfile -t sluice-spark .

ARG DEBIAN=docker.io/library/debian:bookworm-20250520-slim
ARG SPARK=docker.io/apache/spark:4.2.0-scala2.13-java17-python3-ubuntu

FROM ${DEBIAN} AS jars
ENV SLUICE_DEPS=/opt/sluice-deps
WORKDIR /src
COPY tools/deps tools/deps
COPY tools/deps.d tools/deps.d
COPY tools/maven tools/maven
RUN tools/deps spark && cp -r "$SLUICE_DEPS/spark" /jars

FROM ${SPARK}
USER root
COPY --from=jars /jars/ /opt/spark/jars/
RUN install -d -o spark -g spark /var/lib/spark /var/lib/spark/work
WORKDIR /var/lib/spark
USER spark
