// close, dup, dup2, dup3, fclose: a number may stand for another file the next moment, a file may have several numbers.
#include <fcntl.h>
#include <poll.h>
#include <sched.h>

#include "tests/support/case.h"
#include "tests/support/sockets.h"

enum { kReuses = 1000 };

struct Ends {
  int ends[2];
  int other;  // a further number of the read end
};

static void read_byte(int fd, char expected) {
  char byte = 0;
  CHECK_EQ(read(fd, &byte, 1), 1);
  CHECK_EQ(byte, expected);
}

static void write_byte(int fd, char byte) { CHECK_EQ(write(fd, &byte, 1), 1); }

static void read_a(void* ends) { read_byte(((struct Ends*)ends)->ends[kReadEnd], 'a'); }
static void read_a_from_other(void* ends) { read_byte(((struct Ends*)ends)->other, 'a'); }
static void write_a(void* ends) { write_byte(((struct Ends*)ends)->ends[kWriteEnd], 'a'); }

static void meet_on_both_numbers(struct Ends* state) {
  meet(read_a, write_a, state);
  meet(read_a_from_other, write_a, state);
  meet(read_a, write_a, state);
}

CASE(dup) {
  struct Ends state;
  open_pipe(state.ends);
  state.other = dup(state.ends[kReadEnd]);
  meet_on_both_numbers(&state);
  close(state.ends[kReadEnd]);
  meet(read_a_from_other, write_a, &state);  // the other number lives on
  close(state.other);
  close(state.ends[kWriteEnd]);
}

CASE(dup2) {
  struct Ends state, old;
  open_pair(SOCK_STREAM, state.ends);
  open_pair(SOCK_STREAM, old.ends);
  meet(read_a, write_a, &old);
  state.other = old.ends[kReadEnd];
  CHECK_EQ(dup2(state.ends[kReadEnd], state.other), state.other);  // closes the old socket's end
  meet_on_both_numbers(&state);
  char byte;
  CHECK_EQ(read(old.ends[kWriteEnd], &byte, 1), 0);
  CHECK_EQ(dup2(state.other, state.other), state.other);
  CHECK_FAILS(dup2(-1, state.other), EBADF);
  meet_on_both_numbers(&state);
  close_both(state.ends);
  close_both(old.ends);
}

CASE(dup3) {
  struct Ends state, old;
  open_tcp_pair(state.ends);
  open_pipe(old.ends);
  meet(read_a, write_a, &old);
  state.other = old.ends[kReadEnd];
  CHECK_EQ(dup3(state.ends[kReadEnd], state.other, O_CLOEXEC), state.other);
  CHECK_EQ(fcntl(state.other, F_GETFD), FD_CLOEXEC);
  meet_on_both_numbers(&state);
  CHECK_FAILS(dup3(state.other, state.other, 0), EINVAL);
  close_both(state.ends);
  close_both(old.ends);
}

static void* read_other_in_thread(void* ends) {
  entering();
  read_byte(((struct Ends*)ends)->other, 'b');
  return NULL;
}

CASE(two_numbers_of_one_pipe_wait_at_once) {
  struct Ends state;
  open_pipe(state.ends);
  state.other = dup(state.ends[kReadEnd]);
  pthread_t thread = start(read_other_in_thread, &state);
  await_entered(1);
  CHECK_EQ(close(state.ends[kReadEnd]), 0);  // not the number that is waited on
  write_byte(state.ends[kWriteEnd], 'b');
  join(thread);
  close(state.other);
  close(state.ends[kWriteEnd]);
}

static void await_end_of_file(void* ends) {
  char byte;
  CHECK_EQ(read(((struct Ends*)ends)->ends[kReadEnd], &byte, 1), 0);
  close(((struct Ends*)ends)->ends[kReadEnd]);
  open_pair(SOCK_STREAM, ((struct Ends*)ends)->ends);
}

static void close_writer(void* ends) { CHECK_EQ(close(((struct Ends*)ends)->ends[kWriteEnd]), 0); }

CASE(close) {
  struct Ends state;
  open_pair(SOCK_STREAM, state.ends);
  meet(await_end_of_file, close_writer, &state);
  close_both(state.ends);
  CHECK_FAILS(close(state.ends[0]), EBADF);
  CHECK_FAILS(close(-1), EBADF);
  CHECK_FAILS(close(1 << 30), EBADF);
}

static void fclose_writer(void* ends) {
  FILE* stream = fdopen(((struct Ends*)ends)->ends[kWriteEnd], "w");
  CHECK(stream);
  CHECK_EQ(fclose(stream), 0);
}

CASE(fclose) {
  struct Ends state;
  open_pair(SOCK_STREAM, state.ends);
  meet(await_end_of_file, fclose_writer, &state);
  close_both(state.ends);
}

CASE(fclose_then_the_number_is_used_again) {
  struct Ends state;
  open_pair(SOCK_STREAM, state.ends);
  for (int i = 0; i < 20; i++) {
    int number = state.ends[kReadEnd];
    meet(read_a, write_a, &state);
    CHECK_EQ(fclose(fdopen(state.ends[kReadEnd], "r+")), 0);
    close(state.ends[kWriteEnd]);
    open_pair(SOCK_STREAM, state.ends);
    CHECK_EQ(state.ends[kReadEnd], number);
  }
  close_both(state.ends);
}

struct Reuse {
  int ends[2];
  int round;
  pthread_barrier_t turn;
};

static void* read_each_round(void* argument) {
  struct Reuse* reuse = argument;
  for (int i = 0; i < kReuses; i++) {
    pthread_barrier_wait(&reuse->turn);
    read_byte(reuse->ends[kReadEnd], (char)i);
    pthread_barrier_wait(&reuse->turn);
  }
  return NULL;
}

static void open_kind(int kind, int ends[2]) {
  if (kind == 0) open_pipe(ends);
  if (kind == 1) open_pair(SOCK_STREAM, ends);
  if (kind == 2) open_pair(SOCK_DGRAM, ends);
}

static void reuse_numbers(int first_kind, int kinds) {
  struct Reuse reuse;
  int number = -1;
  CHECK_EQ(pthread_barrier_init(&reuse.turn, NULL, 2), 0);
  pthread_t reader = start(read_each_round, &reuse);
  for (int i = 0; i < kReuses; i++) {
    open_kind(first_kind + i % kinds, reuse.ends);
    if (i == 0) number = reuse.ends[kReadEnd];
    CHECK_EQ(reuse.ends[kReadEnd], number);
    pthread_barrier_wait(&reuse.turn);
    if (i % 3 > 0) sched_yield();  // the reader is inside, or not yet
    write_byte(reuse.ends[kWriteEnd], (char)i);
    pthread_barrier_wait(&reuse.turn);
    close_both(reuse.ends);
  }
  join(reader);
  CHECK_EQ(pthread_barrier_destroy(&reuse.turn), 0);
}

CASE(pipes_that_reuse_a_number) { reuse_numbers(0, 1); }
CASE(sockets_that_reuse_a_number) { reuse_numbers(1, 1); }
CASE(all_kinds_that_reuse_a_number) { reuse_numbers(0, 3); }

CASE(numbers_are_the_lowest_free_ones) {
  int first[2], second[2], third[2];
  open_pipe(first);
  open_pipe(second);
  close_both(first);
  open_pair(SOCK_STREAM, third);
  CHECK_EQ(third[0], first[0]);
  CHECK_EQ(third[1], first[1]);
  close_both(second);
  close_both(third);
}

static void poll_both(void* ends) {
  struct pollfd both[] = {{((struct Ends*)ends)->ends[kReadEnd], POLLIN, 0}, {((struct Ends*)ends)->other, POLLIN, 0}};
  CHECK_EQ(poll(both, 2, -1), 2);
  CHECK_EQ(both[0].revents, POLLIN);
  CHECK_EQ(both[1].revents, POLLIN);
  read_a(ends);
}

CASE(poll_of_two_numbers_of_one_file) {
  struct Ends state;
  open_pipe(state.ends);
  state.other = dup(state.ends[kReadEnd]);
  meet(poll_both, write_a, &state);
  close_both(state.ends);
  close(state.other);
}

// All numbers are the program's. evergreen needs descriptors, too: they survive what a program may do to numbers that
// it does not use itself.
static void check_waits(void) {
  struct Ends state;
  open_pair(SOCK_STREAM, state.ends);
  meet(read_a, write_a, &state);
  close_both(state.ends);
  usleep(100);
}

CASE(a_program_closes_all_descriptors) {
  for (int way = 0; way < 3; way++) {
    check_waits();
    if (way == 0)
      for (int fd = 3; fd < 1000; fd++) close(fd);
    if (way == 1) closefrom(3);
    if (way == 2) CHECK_EQ(close_range(3, ~0U, 0), 0);
    check_waits();
  }
}

CASE(a_program_takes_any_number) {
  struct Ends state;
  open_pair(SOCK_STREAM, state.ends);
  for (int number = 3; number < 100; number++) {
    if (number == state.ends[kReadEnd] || number == state.ends[kWriteEnd]) continue;
    state.other = number;
    CHECK_EQ(dup2(state.ends[kReadEnd], number), number);
    meet(read_a_from_other, write_a, &state);
    CHECK_EQ(close(number), 0);
  }
  close_both(state.ends);
}
