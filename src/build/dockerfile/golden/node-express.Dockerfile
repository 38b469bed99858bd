# Written by lockstep dockerfile: Node (Express) (package.json's start script is "node server.js")

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
COPY . .
ENV PATH="/app/node_modules/.bin:$PATH"
ENV HOST="0.0.0.0"
ENV NODE_ENV="production"
ENV HOME="/tmp"
ENV PORT="8080"
USER 10001:10001
EXPOSE 8080
CMD ["/usr/local/bin/node","server.js"]
