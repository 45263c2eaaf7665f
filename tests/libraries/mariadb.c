// libmariadb: each thread has a connection to MariaDB. ADDRESS is a port on loopback.
#include <err.h>
#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/libraries/pool.h"

static struct Setting setting;
static MYSQL* keeper;  // holds the lock that the jobs wait for

static void* begin(void) {
  MYSQL* connection = mysql_init(NULL);
  const unsigned int port = (unsigned int)atoi(setting.address);
  if (mysql_real_connect(connection, "127.0.0.1", "root", NULL, NULL, port, NULL, 0) == NULL)
    errx(1, "connect: %s", mysql_error(connection));
  return connection;
}

static void end(void* connection) {
  mysql_close(connection);
  mysql_thread_end();
}

// The first row; its result is to be freed.
static MYSQL_RES* query(MYSQL* connection, const char* text, MYSQL_ROW* row) {
  MYSQL_RES* result;
  if (mysql_query(connection, text) != 0 || (result = mysql_store_result(connection)) == NULL ||
      (*row = mysql_fetch_row(result)) == NULL)
    errx(1, "%s: %s", text, mysql_error(connection));
  return result;
}

static int number_of(MYSQL* connection, const char* text) {
  MYSQL_ROW row;
  MYSQL_RES* result = query(connection, text, &row);
  const int number = row[0] != NULL ? atoi(row[0]) : -1;
  mysql_free_result(result);
  return number;
}

static char* job(void* connection, int number) {
  char text[100];
  MYSQL_ROW row;
  if (setting.meet && (number_of(connection, "SELECT GET_LOCK('gate', 1000)") != 1 ||
                       number_of(connection, "SELECT RELEASE_LOCK('gate')") != 1))
    errx(1, "no lock");
  if (!setting.meet && number_of(connection, "SELECT SLEEP(0.2)") != 0) errx(1, "no sleep");
  snprintf(text, sizeof text, "SELECT %d * %d, REPEAT('x', 200000)", number, number);
  MYSQL_RES* result = query(connection, text, &row);
  check_large(row[1], mysql_fetch_lengths(result)[1]);
  char* square = line("%s", row[0]);
  mysql_free_result(result);
  return square;
}

static void* gate(void* unused) {
  const char* const waiting = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE = 'User lock'";
  while (number_of(keeper, waiting) < setting.threads) usleep(10000);
  if (number_of(keeper, "SELECT RELEASE_LOCK('gate')") != 1) errx(1, "no lock to release");
  mysql_thread_end();
  return unused;
}

int main(int count, char** words) {
  setting = setting_of(count, words);
  if (mysql_library_init(0, NULL, NULL) != 0) errx(1, "no library");
  if (setting.meet) {
    keeper = begin();
    if (number_of(keeper, "SELECT GET_LOCK('gate', 0)") != 1) errx(1, "no lock to begin with");
  }
  pool_run(&(struct Pool){begin, job, end, gate}, setting);
  if (setting.meet) end(keeper);
  mysql_library_end();
}
