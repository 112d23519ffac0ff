# Stands in for grafana/grafana, whose server is in none of the registries: it is healthy when the
# files that Grafana would read are where it would look for them, and can be parsed.
ARG DEBIAN
FROM ${DEBIAN}
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
        python3 python3-yaml wget >/dev/null \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 472 --home-dir /var/lib/grafana --create-home grafana
COPY grafana.py /grafana.py
USER grafana
CMD ["python3", "/grafana.py"]
