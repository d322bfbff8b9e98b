# Stand-in of the official Valkey image: its user, its folder and its names. What it does as root before it becomes that
# user is left out: compose.yaml starts it as 999. Debian's package of the server is a link into this one, and a service.
FROM debian:trixie-slim
RUN groupadd --system --gid 999 valkey && useradd --system --uid 999 --gid valkey --home-dir /data valkey
RUN apt-get update && apt-get install -y --no-install-recommends valkey-tools && rm -rf /var/lib/apt/lists/* \
    && ln -s valkey-check-rdb /usr/bin/valkey-server && install -d -o valkey -g valkey /data
WORKDIR /data
EXPOSE 6379
VOLUME /data
CMD ["valkey-server"]
