/* The app behind the proxies: answers every request with the same 1 KB and does nothing else, so that it is several times faster
 * than any proxy in front of it. It looks for the empty line that ends a request and reads no further; requests have no body.
 * What such a program costs is the kernel's way of a packet, so it saves the rest with io_uring (`ring.h`): one call takes what
 * has come on all connections and gives all answers back, where epoll takes two calls a request and one more for each few of
 * them. Built by the bench with the system's compiler. Usage: upstream; its first line says the port. */
#include "ring.h"

enum { body_bytes = 1024, most_at_once = 16 };
/* What the kernel was asked for. */
enum { accepted = 1, received, sent, closed };

/* `ended`: how much of the empty line has come. `owed`: answers. `sending`: one call at a time, so that answers stay whole. */
static struct connection { unsigned owed; unsigned char ended, sending, gone; } connections[most_connections];

/* The same answer as often as it may be owed at once. */
static char answers[most_at_once * 2048];
static unsigned answer_bytes;

static void make_answers(void) {
  answer_bytes = sprintf(answers, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n", body_bytes);
  memset(answers + answer_bytes, 'x', body_bytes);
  answer_bytes += body_bytes;
  for (int at = 1; at < most_at_once; at++) memcpy(answers + at * answer_bytes, answers, answer_bytes);
}

static int listener;

/* Goes on giving results until one says that there is no more. */
static void accept_all(void) {
  struct io_uring_sqe *made = call(accepted, IORING_OP_ACCEPT, listener, 0);
  made->ioprio = IORING_ACCEPT_MULTISHOT, made->file_index = IORING_FILE_INDEX_ALLOC;
}

static void send_owed(int at) {
  struct connection *one = &connections[at];
  if (one->sending || one->owed == 0) return;
  unsigned count = one->owed < most_at_once ? one->owed : most_at_once;
  send_all(sent, at, answers, count * answer_bytes);
  one->owed -= count, one->sending = 1;
}

/* Its place is given to another only when no result of it is still to come. */
static void leave(int at) {
  connections[at].gone = 1;
  if (!connections[at].sending) call(closed, IORING_OP_CLOSE, 0, 0)->file_index = at + 1;
}

/* How many requests end in these bytes; a request may come in any number of pieces. */
static unsigned ends_in(struct connection *one, const char *bytes, int count) {
  unsigned ends = 0;
  if (one->ended == 0 && count >= 4 && memcmp(bytes + count - 4, "\r\n\r\n", 4) == 0
      && memmem(bytes, count, "\r\n\r\n", 4) == bytes + count - 4) return 1;
  for (int at = 0; at < count; at++) {
    if (bytes[at] == "\r\n\r\n"[one->ended]) one->ended++;
    else one->ended = bytes[at] == '\r';
    if (one->ended == 4) ends++, one->ended = 0;
  }
  return ends;
}

static void take(int what, int at, const struct io_uring_cqe *result) {
  struct connection *one = &connections[at];
  int is_more = result->flags & IORING_CQE_F_MORE;
  switch (what) {
    case accepted:
      if (result->res < 0) errno = -result->res, fail("accept");
      connections[result->res] = (struct connection){0};
      receive_all(received, result->res);
      if (!is_more) accept_all();
      return;
    case received:
      if (result->flags & IORING_CQE_F_BUFFER) {
        if (result->res > 0) one->owed += ends_in(one, piece_of(result), result->res);
        give_back(result->flags >> IORING_CQE_BUFFER_SHIFT);
      }
      if (result->res <= 0 && result->res != -ENOBUFS) return leave(at);
      send_owed(at);
      if (!is_more) receive_all(received, at);
      return;
    case sent:
      one->sending = 0;
      if (one->gone) leave(at);
      else if (result->res >= 0) send_owed(at);
  }
}

int main(void) {
  int yes = 1;
  listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  make_answers();
  open_ring();
  /* What it accepts inherits it. */
  setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 1024)) fail("listen");
  getsockname(listener, (struct sockaddr *)&address, &size);
  printf("{\"port\":%d}\n", ntohs(address.sin_port));
  fflush(stdout);
  accept_all();
  for (;;) take_results(take);
}
