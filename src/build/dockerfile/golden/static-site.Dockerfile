# Written by lockstep dockerfile: static files (index.html in the root)

FROM caddy:2-alpine
RUN cp /usr/bin/caddy /site-server && printf '%s\n' { 'admin off' 'auto_https off' 'persist_config off' } ':{$PORT} {' 'root * /site' 'header X-Content-Type-Options nosniff' 'header Cache-Control no-cache' 'file_server {' 'hide .*' } 'handle_errors {' 'rewrite * /404.html' file_server } } > /etc/caddy/Caddyfile
COPY . /site
ENV HOME="/tmp"
ENV XDG_CONFIG_HOME="/tmp"
ENV XDG_DATA_HOME="/tmp"
ENV PORT="8080"
USER 10001:10001
EXPOSE 8080
CMD ["/site-server","run","--config","/etc/caddy/Caddyfile"]
