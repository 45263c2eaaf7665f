// fopen and its like: a FIFO waits for its other end, which only another thread opens; all else is as natively.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/support/case.h"
#include "tests/support/sockets.h"

// By libc's own names, whatever _FILE_OFFSET_BITS makes of them.
typedef FILE* Opener(const char* path, const char* mode);
Opener plain_fopen __asm__("fopen"), large_fopen __asm__("fopen64");
FILE* plain_freopen(const char*, const char*, FILE*) __asm__("freopen");
FILE* large_freopen(const char*, const char*, FILE*) __asm__("freopen64");

static char directory[64], fifo[80];

static void make_fifo(void) {
  strcpy(directory, "/tmp/evergreen-fopen-XXXXXX");
  CHECK(mkdtemp(directory));
  snprintf(fifo, sizeof fifo, "%s/fifo", directory);
  CHECK_EQ(mkfifo(fifo, 0600), 0);
}

static void remove_fifo(void) {
  unlink(fifo);
  CHECK_EQ(rmdir(directory), 0);
}

static FILE* by_freopen(const char* path, const char* mode) {
  return plain_freopen(path, mode, fopen("/dev/null", "r+"));
}
static FILE* by_freopen64(const char* path, const char* mode) {
  return large_freopen(path, mode, fopen("/dev/null", "r+"));
}

static FILE* opened(Opener* opener, const char* mode) {
  errno = ENOTTY;
  FILE* stream = opener(fifo, mode);
  CHECK(stream);
  CHECK_EQ(errno, *mode == 'a' ? ESPIPE : ENOTTY);  // as libc leaves it
  check_blocking(fileno(stream));
  return stream;
}

static void write_to_fifo(void* opener) {
  FILE* stream = opened((Opener*)opener, "w");
  CHECK(fputs("hello\n", stream) >= 0);
  CHECK_EQ(fclose(stream), 0);
}

static void append_to_fifo(void* opener) {
  FILE* stream = opened((Opener*)opener, "ae");
  CHECK(fputs("hello\n", stream) >= 0);
  CHECK_EQ(fclose(stream), 0);
}

static void read_from_fifo(void* opener) {
  char text[16];
  FILE* stream = opened((Opener*)opener, "r");
  CHECK(fgets(text, sizeof text, stream) == text);
  CHECK_TEXT(text, "hello\n");
  CHECK_EQ(fclose(stream), 0);
}

static void meet_at_fifo(Opener* opener) {
  make_fifo();
  meet(read_from_fifo, write_to_fifo, (void*)opener);
  meet(write_to_fifo, read_from_fifo, (void*)opener);
  meet(append_to_fifo, read_from_fifo, (void*)opener);
  remove_fifo();
}

CASE(fopen) { meet_at_fifo(plain_fopen); }
CASE(fopen64) { meet_at_fifo(large_fopen); }
CASE(freopen_a_fifo) { meet_at_fifo(by_freopen); }
CASE(freopen64_a_fifo) { meet_at_fifo(by_freopen64); }

// What freopen still has to write may have to wait too.
struct Reopening {
  FILE* output;
  int ends[2];
  size_t filled;
  int is_done;
};

static void* reopen_full(void* argument) {
  struct Reopening* reopening = argument;
  entering();
  CHECK(freopen("/dev/null", "w", reopening->output) == reopening->output);
  set_flag(&reopening->is_done);
  return NULL;
}

CASE(freopen_writes_what_is_left) {
  struct Reopening reopening = {NULL, {0, 0}, 0, 0};
  char text[16] = "";
  open_pipe(reopening.ends);
  reopening.output = fdopen(reopening.ends[kWriteEnd], "w");
  CHECK(fputs("hello", reopening.output) >= 0);
  reopening.filled = fill(reopening.ends[kWriteEnd]);
  pthread_t thread = start(reopen_full, &reopening);
  await_entered(1);
  CHECK(!is_set(&reopening.is_done));
  drain(reopening.ends[kReadEnd], reopening.filled);
  join(thread);
  read_exactly(reopening.ends[kReadEnd], text, 5);
  CHECK_TEXT(text, "hello");
  CHECK_EQ(read(reopening.ends[kReadEnd], text, 1), 0);
  CHECK(fputs("to nobody", reopening.output) >= 0);
  CHECK_EQ(fclose(reopening.output), 0);
  close(reopening.ends[kReadEnd]);
}

static void* fail_to_open(void* argument) {
  make_fifo();
  errno = 0;
  CHECK(!fopen("/no/such/file", "r"));
  CHECK_EQ(errno, ENOENT);
  CHECK(!fopen(fifo, "wx"));
  CHECK_EQ(errno, EEXIST);
  CHECK(!fopen(fifo, "nonsense"));
  CHECK_EQ(errno, EINVAL);
  CHECK(!fopen(directory, "w"));
  CHECK_EQ(errno, EISDIR);
  CHECK(!freopen("/no/such/file", "r", fopen("/dev/null", "r")));
  CHECK_EQ(errno, ENOENT);
  FILE* both = fopen(fifo, "r+");  // its own other end
  CHECK(both);
  CHECK_EQ(fclose(both), 0);
  remove_fifo();
  return argument;
}

CASE(what_cannot_be_opened) { join(start(fail_to_open, NULL)); }
