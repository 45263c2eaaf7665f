// libpq: each thread has a connection to PostgreSQL. ADDRESS is a connection string.
#include <err.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/libraries/pool.h"

static struct Setting setting;
static PGconn* keeper;  // holds the lock that the jobs wait for

static void* begin(void) {
  PGconn* connection = PQconnectdb(setting.address);
  if (PQstatus(connection) != CONNECTION_OK) errx(1, "connect: %s", PQerrorMessage(connection));
  return connection;
}

static void end(void* connection) { PQfinish(connection); }

static PGresult* query(PGconn* connection, const char* text, const char* parameter) {
  PGresult* result = PQexecParams(connection, text, parameter != NULL, NULL, &parameter, NULL, NULL, 0);
  if (PQresultStatus(result) != PGRES_TUPLES_OK) errx(1, "%s: %s", text, PQerrorMessage(connection));
  return result;
}

static char* job(void* connection, int number) {
  char text[20];
  snprintf(text, sizeof text, "%d", number);
  PQclear(query(connection, setting.meet ? "SELECT pg_advisory_lock_shared(1)" : "SELECT pg_sleep(0.2)", NULL));
  PGresult* result = query(connection, "SELECT $1::int * $1::int, repeat('x', 200000)", text);
  check_large(PQgetvalue(result, 0, 1), (unsigned long)PQgetlength(result, 0, 1));
  char* square = line("%s", PQgetvalue(result, 0, 0));
  PQclear(result);
  return square;
}

static void* gate(void* unused) {
  for (int waiting = 0; waiting < setting.threads;) {
    PGresult* result = query(keeper, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted", NULL);
    waiting = atoi(PQgetvalue(result, 0, 0));
    PQclear(result);
    usleep(10000);
  }
  PQclear(query(keeper, "SELECT pg_advisory_unlock(1)", NULL));
  return unused;
}

int main(int count, char** words) {
  setting = setting_of(count, words);
  if (setting.meet) {
    keeper = begin();
    PQclear(query(keeper, "SELECT pg_advisory_lock(1)", NULL));
  }
  pool_run(&(struct Pool){begin, job, end, gate}, setting);
  if (setting.meet) end(keeper);
}
