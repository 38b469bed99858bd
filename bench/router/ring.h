/* The kernel's io_uring without a library: one call hands over many calls, and takes what came of those before. Sockets have a
 * place in its table, and what comes is put into pieces of memory that it was given. Refuses a kernel without it (Linux 6.1), or
 * that forbids it. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { most_calls = 1024, most_results = 8192, most_connections = 16384 };
enum { pieces = 1024, piece_bytes = 4096, piece_group = 1 };

/* `result->user_data`: what was asked in the upper half, and where in the lower. */
static struct { int fd; unsigned unsent, mask, result_mask, *head, *tail, *order, *result_head, *result_tail;
                struct io_uring_sqe *calls; struct io_uring_cqe *results; } ring;
static struct { struct io_uring_buf_ring *free; char *bytes; unsigned short given; } piece;

static void fail(const char *what) { perror(what); exit(1); }

static void submit(unsigned results) {
  int count = syscall(SYS_io_uring_enter, ring.fd, ring.unsent, results, IORING_ENTER_GETEVENTS, NULL, 0);
  if (count >= 0) ring.unsent -= count;
  else if (errno != EINTR && errno != EBUSY) fail("io_uring_enter");
}

static struct io_uring_sqe *call(int what, int opcode, int fd, unsigned flags) {
  while (*ring.tail - __atomic_load_n(ring.head, __ATOMIC_ACQUIRE) > ring.mask) submit(0);
  unsigned at = *ring.tail & ring.mask;
  struct io_uring_sqe *made = &ring.calls[at];
  memset(made, 0, sizeof *made);
  made->opcode = opcode, made->fd = fd, made->flags = flags;
  made->user_data = (unsigned long)what << 32 | (unsigned)fd;
  ring.order[at] = at;
  __atomic_store_n(ring.tail, *ring.tail + 1, __ATOMIC_RELEASE);
  ring.unsent++;
  return made;
}

/* Goes on giving results, each with a piece, until one says that there is no more. */
static void receive_all(int what, int at) {
  struct io_uring_sqe *made = call(what, IORING_OP_RECV, at, IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT);
  made->ioprio = IORING_RECV_MULTISHOT, made->buf_group = piece_group;
}

static void send_all(int what, int at, const void *bytes, unsigned count) {
  struct io_uring_sqe *made = call(what, IORING_OP_SEND, at, IOSQE_FIXED_FILE);
  made->addr = (unsigned long)bytes, made->len = count, made->msg_flags = MSG_NOSIGNAL | MSG_WAITALL;
}

static const char *piece_of(const struct io_uring_cqe *result) {
  return piece.bytes + (result->flags >> IORING_CQE_BUFFER_SHIFT) * piece_bytes;
}

static void give_back(unsigned which) {
  struct io_uring_buf *place = &piece.free->bufs[piece.given++ & (pieces - 1)];
  place->addr = (unsigned long)(piece.bytes + which * piece_bytes), place->len = piece_bytes, place->bid = which;
}

static void *map(size_t bytes, long offset) {
  int how = offset < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED | MAP_POPULATE;
  void *place = mmap(NULL, bytes, PROT_READ | PROT_WRITE, how, offset < 0 ? -1 : ring.fd, offset < 0 ? 0 : offset);
  if (place == MAP_FAILED) fail("mmap");
  return place;
}

static void give(unsigned what, void *argument, unsigned count) {
  if (syscall(SYS_io_uring_register, ring.fd, what, argument, count) < 0) fail("io_uring_register");
}

static void open_ring(void) {
  struct io_uring_params with = {
      .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE, .cq_entries = most_results};
  ring.fd = syscall(SYS_io_uring_setup, most_calls, &with);
  if (ring.fd < 0) fail("io_uring, which this bench needs (Linux 6.1)");
  char *calls = map(with.sq_off.array + with.sq_entries * sizeof(unsigned), IORING_OFF_SQ_RING);
  char *results = map(with.cq_off.cqes + with.cq_entries * sizeof(struct io_uring_cqe), IORING_OFF_CQ_RING);
  ring.calls = map(with.sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
  ring.head = (unsigned *)(calls + with.sq_off.head), ring.tail = (unsigned *)(calls + with.sq_off.tail);
  ring.order = (unsigned *)(calls + with.sq_off.array), ring.mask = with.sq_entries - 1;
  ring.result_head = (unsigned *)(results + with.cq_off.head), ring.result_tail = (unsigned *)(results + with.cq_off.tail);
  ring.results = (struct io_uring_cqe *)(results + with.cq_off.cqes), ring.result_mask = with.cq_entries - 1;

  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  struct io_uring_rsrc_register places = {.flags = IORING_RSRC_REGISTER_SPARSE,
      .nr = files.rlim_cur < most_connections ? files.rlim_cur : most_connections};
  give(IORING_REGISTER_FILES2, &places, sizeof places);
  piece.free = map(pieces * sizeof(struct io_uring_buf), -1);
  piece.bytes = map(pieces * piece_bytes, -1);
  struct io_uring_buf_reg group = {.ring_addr = (unsigned long)piece.free, .ring_entries = pieces, .bgid = piece_group};
  give(IORING_REGISTER_PBUF_RING, &group, 1);
  for (int which = 0; which < pieces; which++) give_back(which);
  __atomic_store_n(&piece.free->tail, piece.given, __ATOMIC_RELEASE);
}

/* Waits for results and gives each to `take`, with what was asked, and where. */
static void take_results(void (*take)(int what, int at, const struct io_uring_cqe *result)) {
  submit(1);
  unsigned at = *ring.result_head, end = __atomic_load_n(ring.result_tail, __ATOMIC_ACQUIRE);
  for (; at != end; at++) {
    const struct io_uring_cqe *result = &ring.results[at & ring.result_mask];
    take(result->user_data >> 32, (int)result->user_data, result);
  }
  __atomic_store_n(ring.result_head, at, __ATOMIC_RELEASE);
  __atomic_store_n(&piece.free->tail, piece.given, __ATOMIC_RELEASE);
}
