# One image, both programs: `/app/init.mjs` for the init container, `/app/server.mjs` for the server.
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json ./
COPY src src
COPY init init
RUN npm run build

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title="portcullis" \
      org.opencontainers.image.description="Kubernetes admission webhook server that looks after its own TLS" \
      org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /app
COPY --from=build /build/dist/init.mjs /build/dist/server.mjs ./
ENV NODE_ENV=production
USER 65532:65532
EXPOSE 8443 8080
ENTRYPOINT ["node"]
CMD ["/app/server.mjs"]
