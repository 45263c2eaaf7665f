// SQLite: each thread has a connection to one database file, and another process uses it, too. Who finds the file
// locked sleeps and tries again (busy_timeout). ADDRESS is the file. Each job is a transaction, and so is each of as
// many of the other process; in the mode `meet` that one holds the lock until THREADS jobs want it.
#include <err.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/libraries/pool.h"

enum { kPatience = 100000 };  // milliseconds

static struct Setting setting;
static atomic_int wanting;   // jobs that began a transaction
static int holds[2], go[2];  // pipes: the other process has the lock; it may give it back

static void run(sqlite3* database, const char* text) {
  char* error;
  if (sqlite3_exec(database, text, NULL, NULL, &error) != SQLITE_OK) errx(1, "%s: %s", text, error);
}

static void* begin(void) {
  sqlite3* database;
  if (sqlite3_open(setting.address, &database) != SQLITE_OK) errx(1, "open: %s", sqlite3_errmsg(database));
  sqlite3_busy_timeout(database, kPatience);
  return database;
}

static void end(void* database) { sqlite3_close(database); }

static int number_of(sqlite3* database, const char* text) {
  sqlite3_stmt* statement;
  if (sqlite3_prepare_v2(database, text, -1, &statement, NULL) != SQLITE_OK || sqlite3_step(statement) != SQLITE_ROW)
    errx(1, "%s: %s", text, sqlite3_errmsg(database));
  const int number = sqlite3_column_int(statement, 0);
  sqlite3_finalize(statement);
  return number;
}

// One that would lose counts, if two were in it at once.
static void transact(sqlite3* database) {
  char text[100];
  run(database, "BEGIN IMMEDIATE");
  snprintf(text, sizeof text, "UPDATE counter SET number = %d", number_of(database, "SELECT number FROM counter") + 1);
  run(database, text);
  run(database, "COMMIT");
}

static char* job(void* database, int number) {
  atomic_fetch_add(&wanting, 1);
  transact(database);
  return line("committed %d", number);
}

static void pass_byte(ssize_t (*function)(int, void*, size_t), int fd) {
  char byte = 'x';
  if (function(fd, &byte, 1) != 1) errx(1, "the other process is gone");
}

static ssize_t give(int fd, void* data, size_t size) { return write(fd, data, size); }

// With the lock, and no thread of ours in the way of the others: sleeps until all jobs were begun.
static void* gate(void* unused) {
  while (atomic_load(&wanting) < setting.threads) usleep(1000);
  pass_byte(give, go[1]);
  return unused;
}

static void other_process(void) {
  sqlite3* database = begin();
  if (setting.meet) run(database, "BEGIN EXCLUSIVE");
  pass_byte(give, holds[1]);
  if (setting.meet) {
    pass_byte(read, go[0]);
    run(database, "COMMIT");
  }
  for (int i = 0; i < setting.jobs; i++) transact(database);
  end(database);
  _exit(0);
}

int main(int count, char** words) {
  int status;
  setting = setting_of(count, words);
  unlink(setting.address);
  sqlite3* database = begin();
  run(database, "CREATE TABLE counter (number INTEGER); INSERT INTO counter VALUES (0)");
  end(database);
  if (pipe(holds) != 0 || pipe(go) != 0) errx(1, "no pipe");
  const pid_t other = fork();
  if (other == 0) other_process();
  close(holds[1]);
  close(go[0]);
  pass_byte(read, holds[0]);
  pool_run(&(struct Pool){begin, job, end, gate}, setting);
  if (waitpid(other, &status, 0) != other || status != 0) errx(1, "the other process ended with %d", status);
  database = begin();
  printf("counted to %d, of %d\n", number_of(database, "SELECT number FROM counter"), 2 * setting.jobs);
  end(database);
}
