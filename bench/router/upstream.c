/* The app behind the proxies: answers every request with the same 1 KB and does nothing else, so that it is several times faster
 * than any proxy in front of it. It looks for the empty line that ends a request and reads no further; requests have no body.
 * Built by the bench with the system's compiler. Usage: upstream; its first line says the port. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { most_events = 256, body_bytes = 1024 };

static char answer[2048];
static int answer_bytes;

static void make_answer(void) {
  answer_bytes = sprintf(answer, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n", body_bytes);
  memset(answer + answer_bytes, 'x', body_bytes);
  answer_bytes += body_bytes;
}

/* As many answers as requests ended in what came; -1 when the other side has gone. */
static int serve(int fd) {
  char text[16384];
  ssize_t count = recv(fd, text, sizeof text - 1, 0);
  if (count <= 0) return -1;
  text[count] = 0;
  for (char *at = text; (at = strstr(at, "\r\n\r\n")) != NULL; at += 4)
    if (send(fd, answer, answer_bytes, MSG_NOSIGNAL) != answer_bytes) return -1;
  return 0;
}

int main(void) {
  int yes = 1;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  make_answer();
  if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 1024)) return perror("listen"), 1;
  getsockname(listener, (struct sockaddr *)&address, &size);
  printf("{\"port\":%d}\n", ntohs(address.sin_port));
  fflush(stdout);
  int epoll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[most_events];
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  for (;;) {
    int count = epoll_wait(epoll, events, most_events, -1);
    for (int at = 0; at < count; at++) {
      int fd = events[at].data.fd;
      if (fd != listener) {
        if (serve(fd) < 0) close(fd);
        continue;
      }
      event.data.fd = accept(listener, NULL, NULL);
      if (event.data.fd < 0) continue;
      setsockopt(event.data.fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
      epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event);
    }
  }
}
