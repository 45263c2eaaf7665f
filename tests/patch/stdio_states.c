// What streams say of errors, and keep across fork and exit.
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "tests/support/case.h"
#include "tests/support/sockets.h"

enum { kLine = 64 };

static void* do_nothing(void* argument) { return argument; }

// The hub starts with the first thread: calls on streams are then a greenlet's.
static FILE* stream_of(int fd, const char* mode) {
  join(start(do_nothing, NULL));
  FILE* stream = fdopen(fd, mode);
  CHECK(stream);
  return stream;
}

CASE(a_closed_descriptor) {
  int ends[2];
  open_pipe(ends);
  FILE* input = stream_of(ends[kReadEnd], "r");
  FILE* output = stream_of(ends[kWriteEnd], "w");
  setvbuf(output, NULL, _IONBF, 0);
  close_both(ends);
  CHECK_FAILS(fgetc(input), EBADF);
  CHECK(ferror(input) && !feof(input));
  CHECK_FAILS(fputc('x', output), EBADF);
  CHECK(ferror(output));
  clearerr(input);
  CHECK(!ferror(input));
  CHECK_FAILS(fclose(input), EBADF);
  CHECK_FAILS(fclose(output), EBADF);
}

CASE(a_pipe_without_readers) {
  int ends[2];
  open_pipe(ends);
  signal(SIGPIPE, SIG_IGN);
  FILE* output = stream_of(ends[kWriteEnd], "w");
  CHECK_EQ(close(ends[kReadEnd]), 0);
  CHECK(fputs("text", output) >= 0);
  CHECK_FAILS(fflush(output), EPIPE);
  CHECK(ferror(output));
  CHECK_EQ(fclose(output), 0);  // the text is lost, and has been told
  CHECK_FAILS(close(ends[kWriteEnd]), EBADF);
  signal(SIGPIPE, SIG_DFL);
}

CASE(the_end_of_input_and_more_after_it) {
  int ends[2];
  open_pair(SOCK_SEQPACKET, ends);
  FILE* input = stream_of(ends[0], "r");
  CHECK_EQ(send(ends[1], "a", 1, 0), 1);
  CHECK_EQ(send(ends[1], "", 0, 0), 0);
  CHECK_EQ(send(ends[1], "b", 1, 0), 1);
  CHECK_EQ(fgetc(input), 'a');
  CHECK_EQ(fgetc(input), EOF);
  CHECK(feof(input) && !ferror(input));
  CHECK_EQ(fgetc(input), EOF);  // it stays at the end, until it is cleared
  clearerr(input);
  CHECK_EQ(fgetc(input), 'b');
  CHECK_EQ(fclose(input), 0);
  close(ends[1]);
}

CASE(a_nonblocking_stream_does_not_wait) {
  int ends[2];
  char text[kLine];
  open_pipe(ends);
  FILE* input = stream_of(ends[kReadEnd], "r");
  FILE* output = stream_of(ends[kWriteEnd], "w");
  set_nonblocking(ends[kReadEnd], 1);
  CHECK_FAILS(fgetc(input), EAGAIN);
  CHECK(ferror(input));
  clearerr(input);
  CHECK_EQ(write(ends[kWriteEnd], "half a", 6), 6);
  CHECK(fgets(text, sizeof text, input) == text);
  CHECK_TEXT(text, "half a");
  CHECK(ferror(input));
  clearerr(input);
  CHECK_EQ(write(ends[kWriteEnd], " line\n", 6), 6);
  CHECK(fgets(text, sizeof text, input) == text);
  CHECK_TEXT(text, " line\n");
  set_nonblocking(ends[kWriteEnd], 1);
  CHECK_EQ(fwrite(large, 1, kLarge, output), 65536);
  CHECK_EQ(errno, EAGAIN);
  CHECK(ferror(output));
  drain(ends[kReadEnd], 65536);
  CHECK_EQ(fclose(input), 0);
  fclose(output);
}

CASE(positions_count_what_was_written) {
  char text[kLine];
  FILE* file = tmpfile();
  CHECK(file);
  join(start(do_nothing, NULL));
  CHECK_EQ(fwrite(large, 1, 100000, file), 100000);
  CHECK_EQ(ftell(file), 100000);
  CHECK_EQ(fflush(file), 0);
  CHECK_EQ(ftell(file), 100000);
  CHECK_EQ(lseek(fileno(file), 0, SEEK_CUR), 100000);
  CHECK_EQ(fseek(file, 50000, SEEK_SET), 0);
  CHECK_EQ(fputs("in the middle", file) >= 0, 1);
  CHECK_EQ(ftell(file), 50013);
  CHECK_EQ(fseek(file, -13, SEEK_CUR), 0);
  CHECK(fgets(text, 14, file) == text);
  CHECK_TEXT(text, "in the middle");
  CHECK_EQ(fgetc(file), large[50013]);
  CHECK_EQ(ftell(file), 50014);
  CHECK_EQ(fclose(file), 0);
}

// A child that only calls body(), with stdin and stdout at the given descriptors; its status.
static pid_t spawn(void (*body)(void), int input, int output) {
  fflush(stdout);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child != 0) return child;
  dup2(input, 0), dup2(output, 1);
  body();
  exit(0);
}

static void await_child(pid_t child) {
  int status;
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK_EQ(status, 0);
}

static void prompt_and_echo(void) {
  char answer[kLine];
  setvbuf(stdin, NULL, _IOLBF, BUFSIZ);
  setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
  join(start(do_nothing, NULL));
  printf("your name? ");
  if (fgets(answer, sizeof answer, stdin)) printf("hello %s", answer);
}

CASE(reading_stdin_flushes_stdout) {
  int questions[2], answers[2];
  char text[kLine] = "";
  open_pipe(questions), open_pipe(answers);
  pid_t child = spawn(prompt_and_echo, answers[kReadEnd], questions[kWriteEnd]);
  read_exactly(questions[kReadEnd], text, 11);
  CHECK_TEXT(text, "your name? ");
  CHECK_EQ(write(answers[kWriteEnd], "green\n", 6), 6);
  read_exactly(questions[kReadEnd], text, 12);
  CHECK_EQ(memcmp(text, "hello green\n", 12), 0);
  await_child(child);
  close_both(questions), close_both(answers);
}

static void* read_stdin(void* argument) {
  entering();
  getchar();
  return argument;
}

static void* hold_stdout(void* argument) {
  flockfile(stdout);
  entering();
  getchar();  // waits for the lock of stdin
  return argument;
}

static void exit_while_streams_are_held(void) {
  printf("kept until the end");
  start(read_stdin, NULL);
  await_entered(1);
  start(hold_stdout, NULL);
  await_entered(2);
}

CASE(exit_writes_what_is_left_though_another_holds_the_stream) {
  int ends[2], input[2];
  char text[kLine] = "";
  open_pipe(ends), open_pipe(input);
  await_child(spawn(exit_while_streams_are_held, input[kReadEnd], ends[kWriteEnd]));
  read_exactly(ends[kReadEnd], text, 18);
  CHECK_TEXT(text, "kept until the end");
  close_both(ends), close_both(input);
}

CASE(a_forked_child_has_the_buffers_too) {
  int ends[2], status;
  char text[kLine] = "";
  open_pipe(ends);
  FILE* output = stream_of(ends[kWriteEnd], "w");
  CHECK(fputs("twice ", output) >= 0);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) _exit(fclose(output) == 0 ? 0 : 1);
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK_EQ(status, 0);
  CHECK_EQ(fclose(output), 0);
  read_exactly(ends[kReadEnd], text, 12);
  CHECK_TEXT(text, "twice twice ");
  CHECK_EQ(read(ends[kReadEnd], text, 1), 0);
  close(ends[kReadEnd]);
}
