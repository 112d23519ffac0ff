# SPDX-License-Identifier: Apache-2.0
#
# dbt for Spark's Thrift Server, with the versions and sums of tools/readers.txt. The project is
# mounted at /dbt.
#
#     docker build -f deploy/dbt.Dockerfile -t sluice-dbt .

ARG PYTHON=docker.io/library/python:3.11.12-slim-bookworm

FROM ${PYTHON}
COPY tools/readers.txt /tmp/readers.txt
# Without the libraries there that read tables by themselves; `pip check` misses none that dbt needs.
RUN awk '/^[a-z]/ { keep = $0 !~ /^(deltalake|duckdb[a-z-]*|numpy|pandas|polars|polars-runtime-[0-9]+|pyarrow)==/ } keep' \
        /tmp/readers.txt >/tmp/dbt.txt \
    && python3 -m venv /opt/dbt \
    && /opt/dbt/bin/pip install --quiet --no-cache-dir --no-deps --require-hashes -r /tmp/dbt.txt \
    && /opt/dbt/bin/pip check \
    && useradd --system --uid 10002 --user-group --create-home --home-dir /var/lib/dbt dbt
# The project is read-only: what dbt writes goes elsewhere.
ENV DBT_PROJECT_DIR=/dbt \
    DBT_PROFILES_DIR=/dbt \
    DBT_TARGET_PATH=/var/lib/dbt/target \
    DBT_LOG_PATH=/var/lib/dbt/logs
WORKDIR /var/lib/dbt
USER 10002:10002
ENTRYPOINT ["/opt/dbt/bin/dbt"]
CMD ["build"]
