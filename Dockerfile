# Tier one in a container: docker build -t tierkit . && docker run -p 1975:1975 -v ./config:/config:ro tierkit run /config --host 0.0.0.0
FROM node:24-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# The image brings Node itself; nothing that the gateways need runs a script on installing.
RUN npm ci --omit=dev --ignore-scripts

FROM node:24-bookworm-slim
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY package.json ./
COPY cli cli
COPY core core
COPY gateway gateway
COPY tier2-gateway tier2-gateway
COPY kserve/simulator kserve/simulator
COPY infra/local infra/local
COPY observability observability
COPY loadtests/simulate loadtests/simulate
COPY examples/two-tiers examples/two-tiers
# Any user without rights will do; nothing is written: run it with a read-only root.
USER 65532:65532
ENV NODE_ENV=production
EXPOSE 1975 1064
ENTRYPOINT ["node", "cli/tierkit.js"]
CMD ["run", "/config", "--host", "0.0.0.0"]
