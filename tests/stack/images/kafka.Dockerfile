# Stands in for apache/kafka: the same paths, user, volume and environment; jars from /deps.
FROM localhost/sluice-stack-java
RUN install -d /opt/kafka/libs /opt/kafka/bin \
    && cp /deps/kafka/*.jar /opt/kafka/libs/ \
    && useradd --uid 1000 --create-home appuser \
    && install -d -o appuser -g appuser /var/lib/kafka/data
COPY kafka-run kafka-topics.sh /opt/kafka/bin/
VOLUME /var/lib/kafka/data
USER appuser
CMD ["/opt/kafka/bin/kafka-run"]
