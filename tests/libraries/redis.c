// hiredis: each thread has a connection to Redis. ADDRESS is a port on loopback.
#include <err.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/libraries/pool.h"

static struct Setting setting;

static void* begin(void) {
  redisContext* connection = redisConnect("127.0.0.1", atoi(setting.address));
  if (connection == NULL || connection->err != 0) errx(1, "connect: %s", connection != NULL ? connection->errstr : "");
  return connection;
}

static void end(void* connection) { redisFree(connection); }

static redisReply* checked(redisContext* connection, void* reply, int type) {
  if (reply == NULL) errx(1, "%s", connection->errstr);
  if (((redisReply*)reply)->type != type) errx(1, "a reply of type %d", ((redisReply*)reply)->type);
  return reply;
}

static char* job(void* connection, int number) {
  const int type = setting.meet ? REDIS_REPLY_ARRAY : REDIS_REPLY_NIL;
  redisReply* popped =
      checked(connection, redisCommand(connection, "BLPOP list:%d %s", number, setting.meet ? "0" : "0.2"), type);
  char* result = line("%s", type == REDIS_REPLY_ARRAY ? popped->element[1]->str : "nothing came");
  freeReplyObject(popped);

  static const char script[] = "return string.rep('x', 200000)";
  redisReply* large = checked(connection, redisCommand(connection, "EVAL %s 0", script), REDIS_REPLY_STRING);
  check_large(large->str, large->len);
  freeReplyObject(large);
  return result;
}

static int blocked_clients(redisContext* connection) {
  int number = -1;
  redisReply* reply = redisCommand(connection, "INFO clients");
  const char* found = reply != NULL ? strstr(reply->str, "blocked_clients:") : NULL;
  if (found == NULL || sscanf(found, "blocked_clients:%d", &number) != 1) errx(1, "INFO: %s", connection->errstr);
  freeReplyObject(reply);
  return number;
}

static void* gate(void* unused) {
  redisContext* connection = begin();
  while (blocked_clients(connection) < setting.threads) usleep(10000);
  for (int i = 0; i < setting.threads; i++)
    freeReplyObject(
        checked(connection, redisCommand(connection, "RPUSH list:%d value:%d", i, i * i), REDIS_REPLY_INTEGER));
  end(connection);
  return unused;
}

int main(int count, char** words) {
  setting = setting_of(count, words);
  pool_run(&(struct Pool){begin, job, end, gate}, setting);
}
