# What the stand-ins of Kafka and Spark are made of.
ARG DEBIAN
FROM ${DEBIAN}
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
        openjdk-17-jre-headless procps >/dev/null \
    && rm -rf /var/lib/apt/lists/*
