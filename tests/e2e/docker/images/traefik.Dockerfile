# Stand-in of the official Traefik image: the real binary behind the same entry point.
FROM debian:trixie-slim
COPY traefik /usr/local/bin/traefik
COPY traefik-entrypoint.sh /entrypoint.sh
EXPOSE 80
ENTRYPOINT ["/entrypoint.sh"]
CMD ["traefik"]
