# Stands in for prom/prometheus and prom/alertmanager: Debian's packages at the same places.
ARG DEBIAN
FROM ${DEBIAN}
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
        prometheus prometheus-alertmanager wget >/dev/null \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o nobody -g nogroup /prometheus /alertmanager
ARG PROGRAM
RUN ln -s "/usr/bin/${PROGRAM}" /bin/server
USER nobody
ENTRYPOINT ["/bin/server"]
