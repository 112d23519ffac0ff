# Stands in for python:3.11-slim, and trusts whom this machine trusts, so that pip finds its packages.
ARG DEBIAN
FROM ${DEBIAN}
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
        ca-certificates python3 python3-pip python3-venv >/dev/null \
    && rm -rf /var/lib/apt/lists/* \
    && cp /machine-ca.crt /etc/ssl/certs/ca-certificates.crt
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt
