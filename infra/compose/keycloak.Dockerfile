# Keycloak with its build-time options applied, so that it starts in seconds and on a read-only file system.
ARG KEYCLOAK=keycloak/keycloak:26.7.5
FROM ${KEYCLOAK}
RUN /opt/keycloak/bin/kc.sh build --db=postgres --health-enabled=true --metrics-enabled=true
