# Stand-in of the official Prometheus image: Debian's program in the same places, with the same user and entry point. It is
# older (2.53) than the pinned one (3). The package is unpacked and not installed: its pages need much that nobody asks for.
FROM debian:trixie-slim
RUN apt-get update && apt-get install -y --no-install-recommends promtool && cd /tmp && apt-get download prometheus \
    && dpkg-deb -x prometheus_*.deb unpacked && cp unpacked/usr/bin/prometheus /bin/ \
    && install -d -o 65534 -g 65534 /etc/prometheus /prometheus && cp unpacked/etc/prometheus/prometheus.yml /etc/prometheus/ \
    && rm -rf unpacked prometheus_*.deb /var/lib/apt/lists/*
WORKDIR /prometheus
USER 65534:65534
EXPOSE 9090
VOLUME /prometheus
ENTRYPOINT ["/bin/prometheus"]
CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]
