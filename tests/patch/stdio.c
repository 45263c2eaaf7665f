// Streams that wait: each of stdio's ways to read and write, on pipes, sockets and children, while others run.
#include <stdlib.h>
#include <sys/ioctl.h>
#include <wchar.h>

#include "tests/support/case.h"
#include "tests/support/sockets.h"

enum { kLine = 64, kThreads = 20, kPrinters = 50, kLines = 100 };

static FILE* stream_of(int fd, const char* mode) {
  FILE* stream = fdopen(fd, mode);
  CHECK(stream);
  return stream;
}

// A pipe with a stream at each end.
struct Pipe {
  FILE *input, *output;
};

static struct Pipe open_streams(void) {
  int ends[2];
  open_pipe(ends);
  return (struct Pipe){stream_of(ends[kReadEnd], "r"), stream_of(ends[kWriteEnd], "w")};
}

// Each reads from an empty pipe into which another writes "17 hello\n" later, all at once.
typedef void Reading(FILE* input);

static void by_fread(FILE* input) {
  char text[kLine] = "";
  CHECK_EQ(fread(text, 1, 9, input), 9);
  CHECK_TEXT(text, "17 hello\n");
}
static void by_fgets(FILE* input) {
  char text[kLine];
  CHECK(fgets(text, sizeof text, input) == text);
  CHECK_TEXT(text, "17 hello\n");
}
static void by_fgets_unlocked(FILE* input) {
  char text[kLine];
  CHECK(fgets_unlocked(text, sizeof text, input) == text);
  CHECK_TEXT(text, "17 hello\n");
}
static void by_getline(FILE* input) {
  char* text = NULL;
  size_t size = 0;
  CHECK_EQ(getline(&text, &size, input), 9);
  CHECK_TEXT(text, "17 hello\n");
  free(text);
}
static void by_getdelim(FILE* input) {
  char* text = NULL;
  size_t size = 0;
  CHECK_EQ(getdelim(&text, &size, ' ', input), 3);
  CHECK_TEXT(text, "17 ");
  free(text);
}
static void by_fgetc(FILE* input) { CHECK_EQ(fgetc(input), '1'); }
static void by_getc(FILE* input) { CHECK_EQ(getc(input), '1'); }
static void by_getc_unlocked(FILE* input) { CHECK_EQ(getc_unlocked(input), '1'); }
static void by_getw(FILE* input) { CHECK_EQ(getw(input), '1' | '7' << 8 | ' ' << 16 | 'h' << 24); }
static void by_fscanf(FILE* input) {
  int number;
  char text[kLine];
  CHECK_EQ(fscanf(input, "%d %s", &number, text), 2);
  CHECK_EQ(number, 17);
  CHECK_TEXT(text, "hello");
}
static void by_fgetwc(FILE* input) { CHECK_EQ(fgetwc(input), L'1'); }
static void by_fgetws(FILE* input) {
  wchar_t text[kLine];
  CHECK(fgetws(text, kLine, input) == text);
  CHECK_EQ(wcscmp(text, L"17 hello\n"), 0);
}
static void by_fwscanf(FILE* input) {
  int number;
  wchar_t text[kLine];
  CHECK_EQ(fwscanf(input, L"%d %ls", &number, text), 2);
  CHECK_EQ(number, 17);
  CHECK_EQ(wcscmp(text, L"hello"), 0);
}

// stdin is a variable of libc's.
static void from_stdin(FILE* input, Reading* reading) {
  FILE* before = stdin;
  stdin = input;
  reading(input);
  stdin = before;
}
static void getchar_of(FILE* input) {
  CHECK(input == stdin);
  CHECK_EQ(getchar(), '1');
}
static void scanf_of(FILE* input) {
  int number;
  CHECK(input == stdin);
  CHECK_EQ(scanf("%d", &number), 1);
  CHECK_EQ(number, 17);
}
static void getwchar_of(FILE* input) {
  CHECK(input == stdin);
  CHECK_EQ(getwchar(), L'1');
}
static void by_getchar(FILE* input) { from_stdin(input, getchar_of); }
static void by_scanf(FILE* input) { from_stdin(input, scanf_of); }
static void by_getwchar(FILE* input) { from_stdin(input, getwchar_of); }

struct Reader {
  Reading* reading;
  int buffering;
  int ends[2];
};

// Through a stream of its own, as one would keep what the reading leaves.
static void read_it(void* state) {
  const struct Reader* reader = state;
  int left;
  char rest[kLine];
  FILE* input = stream_of(dup(reader->ends[kReadEnd]), "r");
  CHECK_EQ(setvbuf(input, NULL, reader->buffering, BUFSIZ), 0);
  errno = 0;
  reader->reading(input);
  CHECK_EQ(errno, 0);
  CHECK_EQ(fclose(input), 0);
  CHECK_EQ(ioctl(reader->ends[kReadEnd], FIONREAD, &left), 0);
  read_exactly(reader->ends[kReadEnd], rest, (size_t)left);
}

static void write_text(void* state) {
  const struct Reader* reader = state;
  CHECK_EQ(write(reader->ends[kWriteEnd], "17 hello\n", 9), 9);
}

CASE(_IO_file_read) {
  static Reading* const readings[] = {
      by_fread, by_fgets,  by_fgets_unlocked, by_getline, by_getdelim, by_fgetc,   by_getc,  by_getc_unlocked,
      by_getw,  by_fscanf, by_fgetwc,         by_fgetws,  by_fwscanf,  by_getchar, by_scanf, by_getwchar,
  };
  static const int bufferings[] = {_IOFBF, _IOLBF, _IONBF};
  struct Reader reader;
  open_pipe(reader.ends);
  for (size_t i = 0; i < sizeof readings / sizeof *readings; i++) {
    for (size_t k = 0; k < 3; k++) {
      reader.reading = readings[i], reader.buffering = bufferings[k];
      meet(read_it, write_text, &reader);
    }
  }
  close_both(reader.ends);
}

// Each writes the first kLarge bytes of `large` to a full pipe, which another drains. Bytes of 0 and above 127 are
// among them, so the wide and the formatted ones write digits instead.
typedef void Writing(FILE* output);

static void by_fwrite(FILE* output) { CHECK_EQ(fwrite(large, 1, kLarge, output), kLarge); }
static void by_fwrite_unlocked(FILE* output) { CHECK_EQ(fwrite_unlocked(large, 1, kLarge, output), kLarge); }
static void by_putc(FILE* output) {
  for (int i = 0; i < kLarge; i++) CHECK_EQ(putc(large[i], output), large[i]);
}
static void by_putc_unlocked(FILE* output) {
  for (int i = 0; i < kLarge; i++) CHECK_EQ(putc_unlocked(large[i], output), large[i]);
}
static void by_putw(FILE* output) {
  for (int i = 0, word; i < kLarge; i += (int)sizeof word) {
    memcpy(&word, large + i, sizeof word);
    CHECK_EQ(putw(word, output), 0);
  }
}
static void by_fprintf(FILE* output) {
  for (int i = 0; i < kLarge; i++) CHECK_EQ(fprintf(output, "%c", large[i]), 1);
}

struct Writer {
  Writing* writing;
  int buffering;
  int ends[2];
};

static void write_it(void* state) {
  const struct Writer* writer = state;
  FILE* output = stream_of(dup(writer->ends[kWriteEnd]), "w");
  CHECK_EQ(setvbuf(output, NULL, writer->buffering, BUFSIZ), 0);
  errno = 0;
  writer->writing(output);
  CHECK_EQ(errno, 0);
  CHECK_EQ(fclose(output), 0);  // which writes the rest
}

static void drain_it(void* state) {
  const struct Writer* writer = state;
  drain_pattern(writer->ends[kReadEnd], kLarge);
}

static void check_writing(Writing* writing, int buffering) {
  struct Writer writer = {writing, buffering, {0, 0}};
  open_pipe(writer.ends);
  meet(write_it, drain_it, &writer);
  close_both(writer.ends);
}

CASE(_IO_file_write) {
  static Writing* const writings[] = {by_fwrite, by_fwrite_unlocked, by_putc, by_putc_unlocked, by_putw, by_fprintf};
  for (size_t i = 0; i < sizeof writings / sizeof *writings; i++) check_writing(writings[i], _IOFBF);
  check_writing(by_fwrite, _IOLBF);
  check_writing(by_fwrite, _IONBF);
}

// Whoever waits is the last, in all kinds of printing: the buffer is full, or a line ends.
typedef int Printing(FILE* output);
static int print_puts(FILE* output) { return fputs("a line\n", output); }
static int print_formatted(FILE* output) { return fprintf(output, "%s %s\n", "a", "line"); }
static int print_wide(FILE* output) { return fputws(L"a line\n", output); }
static int print_wide_formatted(FILE* output) { return fwprintf(output, L"%ls %s\n", L"a", "line"); }
static int print_to_descriptor(FILE* output) { return dprintf(fileno(output), "a line\n"); }

struct Printer {
  Printing* printing;
  int ends[2];
  size_t filled;
};

static void print_it(void* state) {
  struct Printer* printer = state;
  FILE* output = stream_of(dup(printer->ends[kWriteEnd]), "w");
  CHECK_EQ(setvbuf(output, NULL, _IOLBF, BUFSIZ), 0);
  CHECK(printer->printing(output) >= 0);
  CHECK_EQ(fclose(output), 0);
}

static void make_room(void* state) {
  struct Printer* printer = state;
  char line[kLine] = "";
  drain(printer->ends[kReadEnd], printer->filled);
  read_exactly(printer->ends[kReadEnd], line, 7);
  CHECK_TEXT(line, "a line\n");
  printer->filled = fill(printer->ends[kWriteEnd]);
}

CASE(printing_waits_for_room) {
  static Printing* const printings[] = {print_puts, print_formatted, print_wide, print_wide_formatted,
                                        print_to_descriptor};
  for (size_t i = 0; i < sizeof printings / sizeof *printings; i++) {
    struct Printer printer = {printings[i], {0, 0}, 0};
    open_pipe(printer.ends);
    printer.filled = fill(printer.ends[kWriteEnd]);
    meet(print_it, make_room, &printer);
    close_both(printer.ends);
  }
}

// One stream for both directions of a socket.
static void* echo_lines(void* argument) {
  FILE* stream = argument;
  char line[kLine];
  while (fgets(line, sizeof line, stream)) CHECK(fputs(line, stream) >= 0);
  CHECK(feof(stream));
  return NULL;
}

CASE(lines_over_a_socket) {
  int ends[2];
  char line[kLine], expected[kLine];
  open_tcp_pair(ends);
  FILE* server = stream_of(ends[0], "r+");
  FILE* client = stream_of(ends[1], "r+");
  setvbuf(server, NULL, _IOLBF, BUFSIZ), setvbuf(client, NULL, _IOLBF, BUFSIZ);
  pthread_t thread = start(echo_lines, server);
  for (int i = 0; i < kLines; i++) {
    snprintf(expected, sizeof expected, "line %d\n", i);
    CHECK(fputs(expected, client) >= 0);
    CHECK(fgets(line, sizeof line, client) == line);
    CHECK_TEXT(line, expected);
  }
  CHECK_EQ(shutdown(ends[1], SHUT_WR), 0);
  join(thread);
  CHECK_EQ(fclose(server), 0);
  CHECK_EQ(fclose(client), 0);
}

static void* read_child(void* argument) {
  FILE* child = argument;
  char line[kLine];
  int lines = 0;
  entering();
  while (fgets(line, sizeof line, child)) lines++;
  CHECK_EQ(lines, 2);
  return NULL;
}

// Each child says something after all threads wait for theirs.
CASE(twenty_children_are_read_at_once) {
  FILE* children[kThreads];
  pthread_t threads[kThreads];
  int ends[2];
  char command[128];
  open_pipe(ends);
  snprintf(command, sizeof command, "read line <&%d; echo one; echo two", ends[kReadEnd]);
  for (int i = 0; i < kThreads; i++) {
    children[i] = popen(command, "r");
    CHECK(children[i]);
    threads[i] = start(read_child, children[i]);
  }
  await_entered(kThreads);
  for (int i = 0; i < kThreads; i++) CHECK_EQ(write(ends[kWriteEnd], "\n", 1), 1);
  join_all(threads, kThreads);
  for (int i = 0; i < kThreads; i++) CHECK_EQ(pclose(children[i]), 0);
  close_both(ends);
}

static FILE* shared_output;

static void* print_numbered(void* argument) {
  for (int i = 0; i < kLines; i++)
    CHECK(fprintf(shared_output, "thread %ld line %d ends here\n", (long)argument, i) > 0);
  return NULL;
}

static void* print_from_all(void* argument) {
  pthread_t threads[kPrinters];
  for (long i = 0; i < kPrinters; i++) threads[i] = start(print_numbered, (void*)i);
  join_all(threads, kPrinters);
  CHECK_EQ(fclose(shared_output), 0);
  return argument;
}

// All lines arrive whole, each thread's in order, and no thread has to wait until another is done.
CASE(fifty_threads_print_to_a_slow_reader) {
  struct Pipe pipe = open_streams();
  int next[kPrinters] = {0}, seen = 0, started = 0, ended = 0;
  char line[kLine], expected[kLine];
  shared_output = pipe.output;
  setvbuf(shared_output, NULL, _IOFBF, 1024);
  pthread_t printers = start(print_from_all, NULL);
  for (; fgets(line, sizeof line, pipe.input); seen++) {
    long thread;
    int number;
    CHECK_EQ(sscanf(line, "thread %ld line %d", &thread, &number), 2);
    CHECK(thread >= 0 && thread < kPrinters);
    CHECK_EQ(number, next[thread]);
    snprintf(expected, sizeof expected, "thread %ld line %d ends here\n", thread, number);
    CHECK_TEXT(line, expected);
    started += next[thread] == 0;
    ended += ++next[thread] == kLines;
    if (seen % 10 == 0) usleep(100);
  }
  join(printers);
  CHECK_EQ(seen, kPrinters * kLines);
  CHECK_EQ(started, kPrinters);
  CHECK_EQ(ended, kPrinters);
  CHECK_EQ(fclose(pipe.input), 0);
}
