# One image for all programs: node, the libraries that it links, our bundles and their papers. No shell, no package manager.
# docs/image.md says how to build it and what is in it, docs/adr/0008-the-image-is-from-scratch.md why it is made like this.
ARG NODE_IMAGE=node:24-bookworm-slim

# Of the platform that the image is for. Nothing is run in it, so that another platform than the builder's needs no emulation.
FROM ${NODE_IMAGE} AS target
# Changes nothing: of a stage with no instruction buildah 1.28 leaves a container behind.
WORKDIR /

FROM --platform=${BUILDPLATFORM} ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
# A mirror; empty is npm's own.
ARG NPM_CONFIG_REGISTRY=
RUN npm ci
COPY tsconfig.json build.ts left-out.ts sbom.ts LICENSE ./
COPY src src
COPY init init
# Two builds of one commit give the same files, times included.
ARG SOURCE_DATE_EPOCH=0
RUN set -eu; \
    npm run build -- --metafile=metafile.json; \
    node sbom.ts metafile.json /papers/usr/share/doc/portcullis; \
    cp LICENSE /papers/usr/share/doc/portcullis/; \
    chmod -R u=rwX,go=rX dist /papers; \
    find dist /papers -exec touch --no-dereference --date=@$SOURCE_DATE_EPOCH {} +

FROM --platform=${BUILDPLATFORM} ${NODE_IMAGE} AS runtime
COPY --from=target / /target
ARG SOURCE_DATE_EPOCH=0
# Loader and libraries stay where Debian has them. In status.d scanners look for the packages of an image that has no dpkg.
RUN set -eu; \
    cd /target/usr/lib/*-linux-gnu; triplet=${PWD##*/}; loader=$(echo ld-linux-*.so.?); \
    mkdir -p /runtime/lib/$triplet /runtime/etc /runtime/usr/local/bin /runtime/var/lib/dpkg/status.d; \
    cp $loader libc.so.6 libm.so.6 libdl.so.2 libpthread.so.0 libgcc_s.so.1 libstdc++.so.6 /runtime/lib/$triplet/; \
    case $loader in \
      ld-linux-x86-64.*) mkdir /runtime/lib64; ln -s ../lib/$triplet/$loader /runtime/lib64/ ;; \
      *) ln -s $triplet/$loader /runtime/lib/ ;; \
    esac; \
    cp /target/usr/local/bin/node /runtime/usr/local/bin/; \
    cp /target/usr/lib/os-release /target/etc/debian_version /runtime/etc/; \
    echo 'hosts: files dns' > /runtime/etc/nsswitch.conf; \
    echo 'portcullis:x:65532:65532::/nonexistent:/nonexistent' > /runtime/etc/passwd; \
    echo 'portcullis:x:65532:' > /runtime/etc/group; \
    awk -v RS= '/^Package: (libc6|libgcc-s1|libstdc\+\+6|gcc-[0-9]+-base)\n/ { print > ("/runtime/var/lib/dpkg/status.d/" $2) }' \
      /target/var/lib/dpkg/status; \
    cd /target; \
    for paper in usr/local/LICENSE usr/share/doc/libc6/copyright usr/share/doc/gcc-*-base/copyright; do \
      if [ -e $paper ]; then mkdir -p /runtime/${paper%/*}; cp $paper /runtime/$paper; fi; \
    done; \
    chmod -R u=rwX,go=rX /runtime; \
    find /runtime -exec touch --no-dereference --date=@$SOURCE_DATE_EPOCH {} +

FROM scratch
COPY --from=runtime /runtime /
COPY --from=build /papers /
WORKDIR /app
COPY --from=build /build/dist/init.mjs /build/dist/server.mjs ./
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="portcullis" \
      org.opencontainers.image.description="Kubernetes admission webhook server that looks after its own TLS" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}"
ENV NODE_ENV=production
USER 65532:65532
EXPOSE 8443 8080 8081
ENTRYPOINT ["/usr/local/bin/node"]
CMD ["/app/server.mjs"]
