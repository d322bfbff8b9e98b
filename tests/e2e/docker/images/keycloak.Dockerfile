# Stand-in of the official Keycloak image: the real distribution, on the Java that the native stack uses.
FROM debian:trixie-slim
COPY java /opt/java
COPY --chown=1000:0 keycloak /opt/keycloak
RUN echo 'keycloak:x:1000:0:keycloak:/opt/keycloak:/sbin/nologin' >> /etc/passwd \
    && install -d -o 1000 -g 0 -m 770 /opt/keycloak/data && chmod +x /opt/keycloak/bin/*.sh
ENV JAVA_HOME=/opt/java LANG=en_US.UTF-8 KC_RUN_IN_CONTAINER=true
USER 1000
EXPOSE 8080 8443 9000
ENTRYPOINT ["/opt/keycloak/bin/kc.sh"]
