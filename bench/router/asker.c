/* Asks the upstream as fast as it can answer: wrk spends more on an answer than the upstream does, and would only show how fast
 * wrk is. One request after the other on each connection, for whole seconds. Every answer has to be 200 and as long as the
 * first. Usage: asker PORT CONNECTIONS SECONDS HOST; says `{"requests":N,"failed":N,"seconds":S}`. */
#include "ring.h"
#include <time.h>

enum { received = 1, sent };

static char request[512];
static unsigned request_bytes;
/* Bytes of an answer; 0 until the first has come. Of each connection: how much of its answer has come. */
static int answer_bytes, has_come[most_connections];
static long answered, failed;

/* Of the head that begins an answer; 0: it is not one of ours. */
static int bytes_of(const char *text, int count) {
  const char *end = memmem(text, count, "\r\n\r\n", 4), *length = memmem(text, count, "Content-Length: ", 16);
  return end == NULL || length == NULL || length > end ? 0 : (int)(end + 4 - text) + atoi(length + 16);
}

static void take(int what, int at, const struct io_uring_cqe *result) {
  if (what == sent) {
    if (result->res != (int)request_bytes) failed++;
    return;
  }
  if (result->res <= 0 && result->res != -ENOBUFS) {
    failed++; /* nothing is asked there again */
    return;
  }
  if (result->res > 0) {
    const char *text = piece_of(result);
    if (has_come[at] == 0 && (result->res < 12 || memcmp(text, "HTTP/1.1 200", 12) != 0)) failed++;
    if (answer_bytes == 0) answer_bytes = bytes_of(text, result->res);
    has_come[at] += result->res;
    if (has_come[at] > answer_bytes) failed++;
    if (has_come[at] >= answer_bytes) {
      has_come[at] = 0, answered++;
      send_all(sent, at, request, request_bytes);
    }
    give_back(result->flags >> IORING_CQE_BUFFER_SHIFT);
  }
  if (!(result->flags & IORING_CQE_F_MORE)) receive_all(received, at);
}

static double now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec + at.tv_nsec / 1e9;
}

int main(int count, char **words) {
  if (count != 5) return fprintf(stderr, "asker PORT CONNECTIONS SECONDS HOST\n"), 2;
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(atoi(words[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int yes = 1, connections = atoi(words[2]);
  request_bytes = snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: %.200s\r\n\r\n", words[4]);
  open_ring();
  for (int at = 0; at < connections; at++) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address)) fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    struct io_uring_rsrc_update place = {.offset = at, .data = (unsigned long)&fd};
    give(IORING_REGISTER_FILES_UPDATE, &place, 1);
    receive_all(received, at);
    send_all(sent, at, request, request_bytes);
  }
  double began = now();
  while (now() - began < atoi(words[3]) && failed < connections) take_results(take);
  printf("{\"requests\":%ld,\"failed\":%ld,\"seconds\":%.6f}\n", answered, failed, now() - began);
}
