# syntax=docker/dockerfile:1
# `build` holds sources and tools (the demo traffic runs from it); the last stage holds the daemon and what it needs, nothing else.

FROM node:20.19.5-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY detectors detectors
COPY schemas schemas
COPY src src
COPY examples examples
RUN npm run build
USER node

FROM node:20.19.5-bookworm-slim AS production
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts

FROM node:20.19.5-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY package.json LICENSE ./
COPY --from=production /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY schemas schemas
# Numeric, so that a cluster can check that it is not root. Nothing is written: run it read-only.
USER 1000:1000
ENTRYPOINT ["node", "/app/dist/src/main.js"]
CMD ["run", "--policy", "/etc/flyball/flyball.yaml"]
