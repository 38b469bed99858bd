# Written by lockstep dockerfile: Go (go.mod, and package main in the top listens)

FROM golang:1.27-trixie AS build
ENV GOMODCACHE="/cache/mod"
ENV GOCACHE="/cache/build"
ENV GOFLAGS="-trimpath -buildvcs=false"
WORKDIR /app
COPY go.mod ./
RUN --mount=type=cache,target=/cache,sharing=locked go mod download
COPY . .
RUN --mount=type=cache,target=/cache,sharing=locked go build -o /app/bin/hello .

FROM debian:trixie-slim
RUN echo 'app:x:10001:10001::/app:/usr/sbin/nologin' >> /etc/passwd
WORKDIR /app
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /app /app
ENV HOME="/tmp"
ENV PORT="8080"
USER 10001:10001
EXPOSE 8080
CMD ["/app/bin/hello"]
