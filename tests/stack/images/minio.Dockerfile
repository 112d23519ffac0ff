# Stands in for minio/minio: the server from /deps; of mc, what the health check uses.
ARG DEBIAN
FROM ${DEBIAN}
RUN cp /deps/bin/minio /usr/bin/minio
COPY mc /usr/bin/mc
VOLUME /data
