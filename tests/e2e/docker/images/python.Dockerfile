# Stand-in of the official Python image: the same names and places, Debian's own Python.
FROM debian:trixie-slim
RUN apt-get update && apt-get install -y --no-install-recommends python3 python3-venv \
    && rm -rf /var/lib/apt/lists/* && ln -s python3 /usr/bin/python
# The certificate authorities of the machine that builds: its network may need one of its own.
COPY authorities.crt /etc/ssl/certs/ca-certificates.crt
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt PIP_CERT=/etc/ssl/certs/ca-certificates.crt
CMD ["python3"]
