// Several threads read or write one pipe or socket.
#include "tests/support/case.h"
#include "tests/support/sockets.h"

enum { kReaders = 5, kRecords = 200, kRecord = 1000 };

static void* read_records(void* ends) {
  long sum = 0;
  int number;
  while (read(((int*)ends)[kReadEnd], &number, sizeof number) == sizeof number) sum += number;
  return (void*)sum;
}

CASE(several_readers_of_one_pipe) {
  int ends[2];
  pthread_t readers[kReaders];
  long sum = 0;
  open_pipe(ends);
  for (int i = 0; i < kReaders; i++) readers[i] = start(read_records, ends);
  for (int i = 1; i <= kRecords; i++) {
    CHECK_EQ(write(ends[kWriteEnd], &i, sizeof i), sizeof i);
    if (i % 10 == 0) usleep(100);
  }
  CHECK_EQ(close(ends[kWriteEnd]), 0);
  for (int i = 0; i < kReaders; i++) sum += (long)join(readers[i]);
  CHECK_EQ(sum, kRecords * (kRecords + 1) / 2);
  close(ends[kReadEnd]);
}

struct Writer {
  int fd;
  char letter;
};

static void* write_records(void* argument) {
  struct Writer* writer = argument;
  char record[kRecord];
  memset(record, writer->letter, sizeof record);
  for (int i = 0; i < kRecords; i++) CHECK_EQ(write(writer->fd, record, sizeof record), kRecord);
  return NULL;
}

CASE(several_writers_of_one_pipe_do_not_mix_records) {
  int ends[2], counts[kReaders] = {0};
  pthread_t threads[kReaders];
  struct Writer writers[kReaders];
  open_pipe(ends);
  for (int i = 0; i < kReaders; i++) {
    writers[i] = (struct Writer){ends[kWriteEnd], (char)('a' + i)};
    threads[i] = start(write_records, &writers[i]);
  }
  for (int i = 0; i < kReaders * kRecords; i++) {
    char record[kRecord];
    read_exactly(ends[kReadEnd], record, sizeof record);
    for (int k = 1; k < kRecord; k++) CHECK_EQ(record[k], record[0]);
    counts[record[0] - 'a']++;
  }
  join_all(threads, kReaders);
  for (int i = 0; i < kReaders; i++) CHECK_EQ(counts[i], kRecords);
  close_both(ends);
}

static void* write_large_thread(void* ends) {
  write_large(ends);
  return NULL;
}

static void* echo_large(void* fd) {
  static char buffer[5000];
  size_t done = 0;
  while (done < kLarge) {
    ssize_t n = read(*(int*)fd, buffer, sizeof buffer);
    CHECK(n > 0);
    CHECK_EQ(write(*(int*)fd, buffer, (size_t)n), n);
    done += (size_t)n;
  }
  return NULL;
}

CASE(one_thread_reads_and_one_writes_the_same_socket) {
  int ends[2];
  open_pair(SOCK_STREAM, ends);
  pthread_t threads[] = {start(echo_large, &ends[kReadEnd]), start(write_large_thread, ends)};
  drain_pattern(ends[kWriteEnd], kLarge);
  join_all(threads, 2);
  close_both(ends);
}

// One byte a reader, of as many as wait: none of them is left over, whichever wakes.
static void* read_one_byte(void* fd) {
  char byte = 0;
  entering();
  CHECK_EQ(read(*(int*)fd, &byte, 1), 1);
  return (void*)(long)byte;
}

static void wake_readers_of(int ends[2]) {
  enum { kWaiting = 20 };
  pthread_t readers[kWaiting];
  int seen = 0;
  static int entered_before;
  for (int i = 0; i < kWaiting; i++) readers[i] = start(read_one_byte, &ends[kReadEnd]);
  await_entered(entered_before += kWaiting);
  char bytes[kWaiting];
  for (int i = 0; i < kWaiting; i++) bytes[i] = (char)i;
  CHECK_EQ(write(ends[kWriteEnd], bytes, 1), 1);  // one, then some, then the rest at once
  usleep(1000);
  CHECK_EQ(write(ends[kWriteEnd], bytes + 1, 3), 3);
  CHECK_EQ(write(ends[kWriteEnd], bytes + 4, kWaiting - 4), kWaiting - 4);
  for (int i = 0; i < kWaiting; i++) seen |= 1 << (long)join(readers[i]);
  CHECK_EQ(seen, (1 << kWaiting) - 1);
  close_both(ends);
}

CASE(each_byte_wakes_a_reader) {
  int ends[2];
  open_pipe(ends);
  wake_readers_of(ends);
  open_pair(SOCK_STREAM, ends);
  wake_readers_of(ends);
  open_tcp_pair(ends);
  wake_readers_of(ends);
}
