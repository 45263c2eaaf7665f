// A thread holds a stream and waits for something else; whoever then calls anything on that stream waits for it, and
// the others run. So with the locks that libc has for itself.
#include <fcntl.h>
#include <stdarg.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <wchar.h>

#include "tests/support/case.h"
#include "tests/support/sockets.h"

#pragma GCC diagnostic ignored "-Wunused-result"

enum { kThreads = 50, kRounds = 200 };

static const char contents[] = "12 34 56 words of a file\n78 another line\n";

static void vprint(FILE* stream, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stream, format, arguments);
  va_end(arguments);
}
static void vscan(FILE* stream, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vfscanf(stream, format, arguments);
  va_end(arguments);
}
static void vprint_wide(FILE* stream, const wchar_t* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vfwprintf(stream, format, arguments);
  va_end(arguments);
}

static char text[64], *line;
static wchar_t wide[64];
static size_t line_size;
static int number;
static fpos_t place;

// One row for each function that takes a stream's lock. stdin, stdout and stderr are variables of libc's.
#define FUNCTIONS(ROW)                                                     \
  ROW(flockfile, (flockfile(stream), funlockfile(stream)))                 \
  ROW(fgetc, fgetc(stream))                                                \
  ROW(getc, getc(stream))                                                  \
  ROW(getw, getw(stream))                                                  \
  ROW(fgets, fgets(text, sizeof text, stream))                             \
  ROW(fread, fread(text, 1, 10, stream))                                   \
  ROW(getline, getline(&line, &line_size, stream))                         \
  ROW(getdelim, getdelim(&line, &line_size, ' ', stream))                  \
  ROW(ungetc, ungetc('x', stream))                                         \
  ROW(fscanf, fscanf(stream, "%d", &number))                               \
  ROW(vfscanf, vscan(stream, "%d", &number))                               \
  ROW(fputc, fputc('x', stream))                                           \
  ROW(putc, putc('x', stream))                                             \
  ROW(putw, putw(1, stream))                                               \
  ROW(fputs, fputs("text", stream))                                        \
  ROW(fwrite, fwrite(text, 1, 10, stream))                                 \
  ROW(fprintf, fprintf(stream, "%d", 1))                                   \
  ROW(vfprintf, vprint(stream, "%d", 1))                                   \
  ROW(fflush, fflush(stream))                                              \
  ROW(fflush_all, (fputs_unlocked("text", stream), fflush(NULL)))          \
  ROW(fseek, fseek(stream, 1, SEEK_SET))                                   \
  ROW(fseeko, fseeko(stream, 1, SEEK_SET))                                 \
  ROW(ftell, ftell(stream))                                                \
  ROW(ftello, ftello(stream))                                              \
  ROW(rewind, rewind(stream))                                              \
  ROW(fgetpos, fgetpos(stream, &place))                                    \
  ROW(fsetpos, fsetpos(stream, &place))                                    \
  ROW(setbuf, setbuf(stream, NULL))                                        \
  ROW(setvbuf, setvbuf(stream, NULL, _IONBF, 0))                           \
  ROW(setlinebuf, setlinebuf(stream))                                      \
  ROW(feof, feof(stream))                                                  \
  ROW(ferror, ferror(stream))                                              \
  ROW(clearerr, clearerr(stream))                                          \
  ROW(fgetwc, fgetwc(stream))                                              \
  ROW(getwc, getwc(stream))                                                \
  ROW(fgetws, fgetws(wide, 64, stream))                                    \
  ROW(ungetwc, ungetwc(L'x', stream))                                      \
  ROW(fwscanf, fwscanf(stream, L"%d", &number))                            \
  ROW(fputwc, fputwc(L'x', stream))                                        \
  ROW(putwc, putwc(L'x', stream))                                          \
  ROW(fputws, fputws(L"text", stream))                                     \
  ROW(fwprintf, fwprintf(stream, L"%d", 1))                                \
  ROW(vfwprintf, vprint_wide(stream, L"%d", 1))                            \
  ROW(getchar, (stdin = stream, getchar()))                                \
  ROW(scanf, (stdin = stream, scanf("%d", &number)))                       \
  ROW(getwchar, (stdin = stream, getwchar()))                              \
  ROW(wscanf, (stdin = stream, wscanf(L"%d", &number)))                    \
  ROW(putchar, (stdout = stream, putchar('x')))                            \
  ROW(puts, (stdout = stream, puts("text")))                               \
  ROW(printf, (stdout = stream, printf("%d", 1)))                          \
  ROW(putwchar, (stdout = stream, putwchar(L'x')))                         \
  ROW(wprintf, (stdout = stream, wprintf(L"%d", 1)))                       \
  ROW(getc_of_another, (stdout = line_buffered(stream), getc(unbuffered))) \
  ROW(perror, (fwide(stream, -1), stderr = stream, perror("text")))        \
  ROW(freopen, (stream = freopen("/dev/null", "r+", stream)))

// Reading from an unbuffered stream flushes stdout if that buffers lines.
static FILE* unbuffered;
static FILE* line_buffered(FILE* stream) {
  stream->_flags |= 0x200;  // _IO_LINE_BUF; setvbuf would wait for the lock itself
  return stream;
}

struct Function {
  const char* name;
  void (*call)(FILE* stream);
};

#define CALL(name, call) \
  static void call_##name(FILE* stream) { (void)(call); }
FUNCTIONS(CALL)
#define ENTRY(name, call) {#name, call_##name},
static const struct Function functions[] = {FUNCTIONS(ENTRY)};

struct Scene {
  const struct Function* function;
  FILE* stream;
  int ends[2];
  int is_held, is_calling, is_done;
};

static void* hold(void* argument) {
  struct Scene* scene = argument;
  char byte;
  flockfile(scene->stream);
  set_flag(&scene->is_held);
  CHECK_EQ(read(scene->ends[kReadEnd], &byte, 1), 1);
  CHECK(!is_set(&scene->is_done));
  funlockfile(scene->stream);
  return NULL;
}

static void* call(void* argument) {
  struct Scene* scene = argument;
  FILE *input = stdin, *output = stdout, *errors = stderr;
  await_flag(&scene->is_held);
  set_flag(&scene->is_calling);
  scene->function->call(scene->stream);
  set_flag(&scene->is_done);
  stdin = input, stdout = output, stderr = errors;
  return NULL;
}

static FILE* open_file(void) {
  FILE* file = tmpfile();
  CHECK(file);
  CHECK(fputs(contents, file) >= 0);
  rewind(file);
  FILE* copy = fdopen(dup(fileno(file)), "r+");  // neither wide nor narrow yet
  CHECK_EQ(fclose(file), 0);
  return copy;
}

CASE(__lll_lock_wait_private) {
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    struct Scene scene = {.function = &functions[i], .stream = open_file()};
    open_pipe(scene.ends);
    unbuffered = fdopen(dup(fileno(scene.stream)), "r");
    setvbuf(unbuffered, NULL, _IONBF, 0);
    pthread_t holder = start(hold, &scene), caller = start(call, &scene);
    await_flag(&scene.is_calling);
    usleep(1000);
    if (is_set(&scene.is_done)) fprintf(stderr, "%s did not wait\n", functions[i].name);
    CHECK(!is_set(&scene.is_done));
    CHECK_EQ(write(scene.ends[kWriteEnd], "x", 1), 1);
    join(holder), join(caller);
    CHECK_EQ(fclose(unbuffered), 0);
    CHECK_EQ(fclose(scene.stream), 0);
    close_both(scene.ends);
  }
}

static FILE* stream;
static volatile long sum;  // guarded by the stream's lock, and not atomic; flockfile is a leaf for the compiler

static void* add_up(void* argument) {
  for (int i = 0; i < kRounds; i++) {
    flockfile(stream);
    flockfile(stream);
    const long seen = sum;
    if (i % 50 == 0) usleep(10);
    sum = seen + 1;
    funlockfile(stream);
    if (i % 7 == 0) sched_yield();
    funlockfile(stream);
  }
  return argument;
}

// Each release wakes one of those that wait, and none is forgotten.
CASE(__lll_lock_wake_private) {
  pthread_t threads[kThreads];
  stream = open_file();
  sum = 0;
  for (int i = 0; i < kThreads; i++) threads[i] = start(add_up, NULL);
  join_all(threads, kThreads);
  CHECK_EQ(sum, kThreads * kRounds);
  CHECK_EQ(ftrylockfile(stream), 0);
  funlockfile(stream);
  CHECK_EQ(fclose(stream), 0);
}

CASE(ftrylockfile_of_a_held_stream) {
  struct Scene scene = {.stream = open_file()};
  open_pipe(scene.ends);
  pthread_t holder = start(hold, &scene);
  await_flag(&scene.is_held);
  CHECK(ftrylockfile(scene.stream) != 0);
  CHECK_EQ(write(scene.ends[kWriteEnd], "x", 1), 1);
  join(holder);
  CHECK_EQ(ftrylockfile(scene.stream), 0);
  funlockfile(scene.stream);
  CHECK_EQ(fclose(scene.stream), 0);
  close_both(scene.ends);
}

// Who takes the lock again and again, and waits while it has it, lets the others have it too.
static void* print_until_told(void* argument) {
  while (!is_set(argument)) {
    flockfile(stream);
    usleep(10);
    funlockfile(stream);
  }
  return NULL;
}

CASE(nobody_starves) {
  int is_enough = 0;
  stream = open_file();
  pthread_t greedy = start(print_until_told, &is_enough);
  usleep(1000);
  for (int i = 0; i < kRounds; i++) fputc('x', stream);
  set_flag(&is_enough);
  join(greedy);
  CHECK_EQ(fclose(stream), 0);
}

struct Flush {
  FILE* output;
  int ends[2];
  size_t filled;
  int is_flushing;
};

// Holds the list of all streams while it waits for room.
static void* flush_all(void* argument) {
  struct Flush* flush = argument;
  set_flag(&flush->is_flushing);
  CHECK_EQ(fflush(NULL), 0);
  return NULL;
}

static void* open_another(void* argument) {
  FILE* other = fopen("/dev/null", "r");
  CHECK(other);
  CHECK_EQ(fclose(other), 0);
  return argument;
}

static void* fork_meanwhile(void* argument) {
  int status;
  pid_t child = fork();
  if (child == 0) _exit(fopen("/dev/null", "r") != NULL ? 7 : 1);
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK_EQ(WEXITSTATUS(status), 7);
  return argument;
}

static void check_while_flushing(void* (*other)(void*)) {
  struct Flush flush = {NULL, {0, 0}, 0, 0};
  char word[5] = "";
  open_pipe(flush.ends);
  flush.output = fdopen(flush.ends[kWriteEnd], "w");
  fflush(stdout);
  CHECK(fputs("word", flush.output) >= 0);
  flush.filled = fill(flush.ends[kWriteEnd]);
  pthread_t flusher = start(flush_all, &flush);
  await_flag(&flush.is_flushing);
  usleep(1000);
  pthread_t thread = start(other, NULL);
  usleep(1000);
  drain(flush.ends[kReadEnd], flush.filled);
  join(flusher), join(thread);
  read_exactly(flush.ends[kReadEnd], word, 4);
  CHECK_TEXT(word, "word");
  CHECK_EQ(fclose(flush.output), 0);
  close(flush.ends[kReadEnd]);
}

CASE(fopen_while_all_streams_are_flushed) { check_while_flushing(open_another); }
CASE(fork_while_all_streams_are_flushed) { check_while_flushing(fork_meanwhile); }

struct Reading {
  FILE* input;
  int is_held;
};

static void* read_a_line(void* argument) {
  struct Reading* reading = argument;
  char word[64];
  flockfile(reading->input);
  set_flag(&reading->is_held);
  CHECK(fgets(word, sizeof word, reading->input) == word);
  CHECK_TEXT(word, "line\n");
  funlockfile(reading->input);
  return NULL;
}

static void* close_it(void* argument) {
  CHECK_EQ(fclose(argument), 0);
  return NULL;
}

CASE(fclose_while_another_reads) {
  int ends[2];
  open_pipe(ends);
  struct Reading reading = {fdopen(ends[kReadEnd], "r"), 0};
  pthread_t reader = start(read_a_line, &reading);
  await_flag(&reading.is_held);
  pthread_t closer = start(close_it, reading.input);
  usleep(1000);
  CHECK_EQ(write(ends[kWriteEnd], "line\n", 5), 5);
  join(reader), join(closer);
  CHECK_FAILS(fcntl(ends[kReadEnd], F_GETFD), EBADF);
  close(ends[kWriteEnd]);
}
