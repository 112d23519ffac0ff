# Stands in for python:3.11-slim.
ARG DEBIAN
FROM ${DEBIAN}
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
        ca-certificates python3 python3-pip python3-venv >/dev/null \
    && rm -rf /var/lib/apt/lists/*
