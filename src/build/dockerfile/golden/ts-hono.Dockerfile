# Written by lockstep dockerfile: Node (Hono) (package.json's start script is "node dist/server.js")

FROM node:26-slim AS build
ENV CI="true"
ENV HUSKY="0"
ENV ADBLOCK="1"
ENV DISABLE_OPENCOLLECTIVE="1"
ENV npm_config_update_notifier="false"
ENV npm_config_cache="/cache/npm"
WORKDIR /app
COPY package-lock.json package.json ./
RUN --mount=type=cache,target=/cache,sharing=locked npm ci --include=dev --no-audit --no-fund --prefer-offline
COPY . .
RUN npm run build
RUN find . -name node_modules -prune -exec rm -rf '{}' +

FROM node:26-slim AS run
ENV CI="true"
ENV HUSKY="0"
ENV ADBLOCK="1"
ENV DISABLE_OPENCOLLECTIVE="1"
ENV npm_config_update_notifier="false"
ENV npm_config_cache="/cache/npm"
WORKDIR /app
COPY package-lock.json package.json ./
RUN --mount=type=cache,target=/cache,sharing=locked npm ci --omit=dev --no-audit --no-fund --prefer-offline

FROM node:26-slim
RUN echo 'app:x:10001:10001::/app:/usr/sbin/nologin' >> /etc/passwd
WORKDIR /app
COPY --from=run /app /app
COPY --from=build /app /app
ENV PATH="/app/node_modules/.bin:$PATH"
ENV HOST="0.0.0.0"
ENV NODE_ENV="production"
ENV HOME="/tmp"
ENV PORT="8080"
USER 10001:10001
EXPOSE 8080
CMD ["/usr/local/bin/node","dist/server.js"]
