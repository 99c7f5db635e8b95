# syntax=docker/dockerfile:1
FROM node:22-bookworm-slim AS build
WORKDIR /app
COPY . .
# The SQLite driver for this Node comes built: no script of a dependency is run, and the optional driver of older Nodes is left out.
RUN npm ci --ignore-scripts && npm run build && npm prune --ignore-scripts --omit=dev --omit=optional

FROM node:22-bookworm-slim
LABEL org.opencontainers.image.title="Holdfast" org.opencontainers.image.description="OpenID Federation trust anchor and intermediate"
ENV NODE_ENV=production HOLDFAST_HOST=0.0.0.0 HOLDFAST_PORT=8080 HOLDFAST_DATA=/data
WORKDIR /app
COPY --from=build /app/package.json /app/LICENSE ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY --from=build /app/drizzle ./drizzle
# The data folder alone is written; the rest of the file system may be read-only.
RUN mkdir /data && chown node:node /data && chmod 700 /data && ln -s /app/dist/platform/main.node.js /usr/local/bin/holdfast
USER node
VOLUME /data
EXPOSE 8080
# Alive, not ready: a database that is away is no reason to start the process again.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.HOLDFAST_PORT}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/dist/platform/main.node.js"]
CMD ["serve"]
