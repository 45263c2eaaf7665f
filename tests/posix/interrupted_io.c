// Handlers during reads and writes of pipes and the like: signal(7).
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

#include "tests/posix/holds.h"
#include "tests/support/interrupted.h"
#include "tests/support/sockets.h"

static int ends[2], other_ends[2], event, timer;
static FILE* stream;
static char bytes[16];
static struct iovec vector = {bytes, 1};

static void open_empty(void) { open_pipe(ends); }
static void open_full(void) {
  open_pipe(ends);
  fill(ends[1]);
}
static void close_ends(void) { close_both(ends); }
static void write_one(void) { CHECK_EQ(write(ends[1], "x", 1), 1); }
static void make_room(void) { drain(ends[0], 8192); }

static long read_one(void) { return read(ends[0], bytes, 1); }
static long readv_one(void) { return readv(ends[0], &vector, 1); }
static long write_byte(void) { return write(ends[1], "x", 1); }
static long writev_byte(void) { return writev(ends[1], &vector, 1); }
static long read_by_number(void) { return syscall(0, ends[0], bytes, 1); }

static void open_terminal(void) { CHECK_EQ(openpty(&ends[0], &ends[1], NULL, NULL, NULL), 0); }
static void type_line(void) { CHECK_EQ(write(ends[0], "x\n", 2), 2); }
static long read_terminal(void) { return read(ends[1], bytes, sizeof bytes); }

static void open_event(void) { event = eventfd(0, 0); }
static void open_full_event(void) {
  event = eventfd(0, 0);
  CHECK_EQ(eventfd_write(event, UINT64_MAX - 1), 0);
}
static void close_event(void) { close(event); }
static void post_event(void) { CHECK_EQ(eventfd_write(event, 5), 0); }
static void take_event(void) {
  eventfd_t value;
  CHECK_EQ(eventfd_read(event, &value), 0);
}
static long read_event(void) { return read(event, bytes, 8); }
static long call_eventfd_read(void) {
  eventfd_t value;
  return eventfd_read(event, &value);
}
static long write_event(void) {
  eventfd_t value = 1;
  return write(event, &value, sizeof value);
}
static long call_eventfd_write(void) { return eventfd_write(event, 1); }

static void open_timer(void) { timer = timerfd_create(CLOCK_MONOTONIC, 0); }
static void close_timer(void) { close(timer); }
static void set_timer(void) {
  struct itimerspec soon = {.it_value = {0, 1}};
  CHECK_EQ(timerfd_settime(timer, 0, &soon, NULL), 0);
}
static long read_timer(void) { return read(timer, bytes, 8); }

static void open_two(void) {
  open_pipe(ends);
  open_pipe(other_ends);
}
static void open_two_full(void) {
  open_pipe(ends);
  open_pipe(other_ends);
  write_one();
  fill(other_ends[1]);
}
static void close_two(void) {
  close_both(ends);
  close_both(other_ends);
}
static void make_other_room(void) { drain(other_ends[0], 8192); }
static long splice_one(void) { return splice(ends[0], NULL, other_ends[1], NULL, 1, 0); }
static long tee_one(void) { return tee(ends[0], other_ends[1], 1, 0); }
static long vmsplice_one(void) { return vmsplice(ends[1], &vector, 1, 0); }

static void open_stream(void) {
  open_pipe(ends);
  stream = fdopen(dup(ends[0]), "r");
  CHECK(stream != NULL);
}
static void open_full_stream(void) {
  open_full();
  stream = fdopen(dup(ends[1]), "w");
  CHECK(stream != NULL);
}
static void close_stream(void) {
  close_ends();  // so that fclose() does not block
  fclose(stream);
}
static void write_line(void) { CHECK_EQ(write(ends[1], "x\n", 2), 2); }
static long get_line(void) { return fgets(bytes, sizeof bytes, stream) ? 0 : -1; }
static long get_character(void) { return fgetc(stream); }
static long flush(void) {
  fputc('x', stream);
  return fflush(stream);
}

static const struct Blocking reads[] = {
    {"read", ", on a pipe", open_empty, read_one, write_one, close_ends, 1, restarts},
    {"readv", ", on a pipe", open_empty, readv_one, write_one, close_ends, 1, restarts},
    {"syscall", ", by SYS_read", open_empty, read_by_number, write_one, close_ends, 1, restarts},
    {"write", ", on a pipe", open_full, write_byte, make_room, close_ends, 1, restarts},
    {"writev", ", on a pipe", open_full, writev_byte, make_room, close_ends, 1, restarts},
    {"read", ", on a terminal", open_terminal, read_terminal, type_line, close_ends, 2, restarts},
    {"read", ", on an eventfd", open_event, read_event, post_event, close_event, 8, restarts},
    {"eventfd_read", "", open_event, call_eventfd_read, post_event, close_event, 0, restarts},
    {"write", ", on an eventfd", open_full_event, write_event, take_event, close_event, 8, restarts},
    {"eventfd_write", "", open_full_event, call_eventfd_write, take_event, close_event, 0, restarts},
    {"read", ", on a timerfd", open_timer, read_timer, set_timer, close_timer, 8, restarts},
};

static const struct Blocking splices[] = {
    {"splice", ", from an empty pipe", open_two, splice_one, write_one, close_two, 1, restarts},
    {"splice", ", to a full pipe", open_two_full, splice_one, make_other_room, close_two, 1, restarts},
    {"tee", ", from an empty pipe", open_two, tee_one, write_one, close_two, 1, restarts},
    {"vmsplice", ", to a full pipe", open_full, vmsplice_one, make_room, close_ends, 1, restarts},
};

static const struct Blocking streams[] = {
    {"fgets", ", on a pipe", open_stream, get_line, write_line, close_stream, 0, restarts},
    {"fgetc", ", on a pipe", open_stream, get_character, write_line, close_stream, 'x', restarts},
    {"fflush", ", on a pipe", open_full_stream, flush, make_room, close_stream, 0, restarts},
};

CASE(reads) { STATE(reads); }

CASE(splices) { STATE(splices); }

CASE(streams) {
  CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR);  // of fclose()
  STATE(streams);
}
