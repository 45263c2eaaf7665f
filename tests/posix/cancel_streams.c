// Streams: POSIX.1-2017 lets their functions be cancellation points; in glibc they are where they read or write. The
// lock of the stream is given back.
#include <stdio_ext.h>
#include <wchar.h>

#include "tests/posix/holds.h"
#include "tests/support/points.h"
#include "tests/support/sockets.h"

static int ends[2];
static FILE* stream;

static void open_input(void) {
  open_pipe(ends);
  CHECK((stream = fdopen(ends[0], "r")) != NULL);
}

static void open_output(void) {
  open_pipe(ends);
  fill(ends[1]);
  CHECK((stream = fdopen(ends[1], "w")) != NULL);
  setvbuf(stream, NULL, _IONBF, 0);
}

static void close_input(void) {
  fclose(stream);
  close(ends[1]);
}

static void close_output(void) {
  __fpurge(stream);
  fclose(stream);
  close(ends[0]);
}

static void put_line(void) { CHECK_EQ(write(ends[1], "1\n", 2), 2); }
static void drain_page(void) { drain(ends[0], 4096); }

static bool is_unlocked(void) {
  if (ftrylockfile(stream) != 0) return false;
  funlockfile(stream);
  return true;
}

#define INPUT \
  .end = put_line, .at_once = put_line, .prepare = open_input, .clean = close_input, .is_unharmed = is_unlocked
#define OUTPUT .end = drain_page, .prepare = open_output, .clean = close_output, .is_unharmed = is_unlocked

static void unlock(void* locked) { funlockfile(locked); }

static void make_fgetc(void) { CHECK_EQ(fgetc(stream), '1'); }
static void make_getc(void) { CHECK_EQ(getc(stream), '1'); }
static void make_fgets(void) {
  char line[10];
  CHECK(fgets(line, sizeof line, stream) == line);
}
static void make_fread(void) {
  char bytes[2];
  CHECK_EQ(fread(bytes, 1, 2, stream), 2);
}
static void make_getline(void) {
  char own[100], *line = own;
  size_t size = sizeof own;
  CHECK_EQ(getline(&line, &size, stream), 2);
}
static void make_fscanf(void) {
  int number;
  CHECK_EQ(fscanf(stream, "%d", &number), 1);
}
static void make_fgetwc(void) { CHECK_EQ(fgetwc(stream), L'1'); }

POINT(fgetc, .make = make_fgetc, INPUT)
POINT(getc, .make = make_getc, INPUT)
POINT(fgets, .make = make_fgets, INPUT)
POINT(fread, .make = make_fread, INPUT)
POINT(getline, .make = make_getline, INPUT)
POINT(fscanf, .make = make_fscanf, INPUT)
POINT(fgetwc, .make = make_fgetwc, INPUT)

static void make_fputc(void) { CHECK_EQ(fputc('x', stream), 'x'); }
static void make_fputs(void) { CHECK(fputs("x", stream) >= 0); }
static void make_fwrite(void) { CHECK_EQ(fwrite("x", 1, 1, stream), 1); }
static void make_fprintf(void) { CHECK_EQ(fprintf(stream, "%d", 1), 1); }

POINT(fputc, .make = make_fputc, OUTPUT)
POINT(fputs, .make = make_fputs, OUTPUT)
POINT(fwrite, .make = make_fwrite, OUTPUT)
POINT(fprintf, .make = make_fprintf, OUTPUT)

static void open_buffered(void) {
  open_pipe(ends);
  fill(ends[1]);
  CHECK((stream = fdopen(ends[1], "w")) != NULL);
  CHECK_EQ(fputc('x', stream), 'x');
}

static void make_fflush(void) { CHECK_EQ(fflush(stream), 0); }

POINT(fflush, .make = make_fflush, .end = drain_page, .prepare = open_buffered, .clean = close_output,
      .is_unharmed = is_unlocked)

// Nobody else can take the stream while a thread that waits in it holds its lock.
static void* read_one(void* argument) {
  entering();
  CHECK_EQ(getc(stream), '1');
  return argument;
}

CASE(another_reader) {
  open_input();
  pthread_t one = start(read_one, NULL);
  await_entered(1);
  pthread_t two = start(read_one, &ends);
  await_entered(2);
  pthread_cancel(one);
  CHECK(join(one) == PTHREAD_CANCELED);
  put_line();
  HOLDS(getc, "who waits for the lock of a cancelled thread's stream gets it", join(two) == &ends);
  close_input();
}

static void* flockfile_and_wait(void* argument) {
  flockfile(stream);
  pthread_cleanup_push(unlock, stream);
  entering();
  for (;;) pause();
  pthread_cleanup_pop(0);
  return argument;
}

CASE(flockfile) {
  open_input();
  pthread_t thread = start(flockfile_and_wait, NULL);
  await_entered(1);
  pthread_cancel(thread);
  CHECK(join(thread) == PTHREAD_CANCELED);
  HOLDS(funlockfile, "a cleanup handler gives the lock of a stream back", is_unlocked());
  close_input();
}
