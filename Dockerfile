# The command line in a container without a shell or a package manager, as an ordinary user.
#
#   docker build --build-arg TARBALL=pg-tls-auditor-0.1.0.tgz --tag pg-tls-auditor .
#   docker run --rm --read-only --cap-drop ALL pg-tls-auditor --version

# By its tag, which gets security updates. To pin it too: --build-arg BASE=…@sha256:… with the digest that
# `docker buildx imagetools inspect` shows.
ARG BASE=gcr.io/distroless/nodejs24-debian13:nonroot
FROM ${BASE}
ARG TARBALL=the-argument-TARBALL-is-missing
# It is unpacked to /opt/package, and needs no other package.
ADD ${TARBALL} /opt/
WORKDIR /audit
USER 65532:65532
ENTRYPOINT ["/nodejs/bin/node", "/opt/package/bin/pg-tls-auditor.mjs"]
CMD ["--help"]
