// OpenSSL's blocking BIOs: a server of threads and clients of threads in one program. ADDRESS is a directory with the
// server's certificate and key and the authority's certificate.
#include <err.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "tests/libraries/pool.h"

static struct Setting setting;
static SSL_CTX* server_context;
static SSL_CTX* client_context;
static BIO* listener;
static char address[50];

static struct {
  pthread_mutex_t mutex;
  pthread_cond_t opened;
  int waiting;
} door = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};

static void check(long result, const char* what) {
  if (result > 0) return;
  ERR_print_errors_fp(stderr);
  errx(1, "%s: %ld", what, result);
}

static void check_path(int (*function)(SSL_CTX*, const char*), SSL_CTX* context, const char* name) {
  char path[1000];
  snprintf(path, sizeof path, "%s/%s", setting.address, name);
  check(function(context, path), path);
}

static int use_key(SSL_CTX* context, const char* path) {
  return SSL_CTX_use_PrivateKey_file(context, path, SSL_FILETYPE_PEM);
}

// Until THREADS servers wait here.
static void meet_at_door(void) {
  pthread_mutex_lock(&door.mutex);
  if (++door.waiting == setting.threads) pthread_cond_broadcast(&door.opened);
  while (door.waiting < setting.threads) pthread_cond_wait(&door.opened, &door.mutex);
  pthread_mutex_unlock(&door.mutex);
}

static void* serve(void* connection) {
  char question[50];
  char* answer = malloc(kLarge);
  memset(answer, 'x', kLarge);
  BIO* bio = BIO_push(BIO_new_ssl(server_context, 0), connection);
  check(BIO_do_handshake(bio), "handshake of a server");
  const int length = BIO_read(bio, question, sizeof question);
  check(length, "question");
  if (setting.meet)
    meet_at_door();
  else
    usleep(200000);
  check(BIO_write(bio, question, length), "echo");
  check(BIO_write(bio, answer, kLarge), "answer");
  check(BIO_flush(bio), "flush");
  BIO_ssl_shutdown(bio);
  BIO_free_all(bio);
  free(answer);
  return NULL;
}

static void* listen_for_jobs(void* unused) {
  pthread_t threads[setting.jobs];
  for (int i = 0; i < setting.jobs; i++) {
    check(BIO_do_accept(listener), "accept");
    if (pthread_create(&threads[i], NULL, serve, BIO_pop(listener)) != 0) errx(1, "no thread");
  }
  for (int i = 0; i < setting.jobs; i++) pthread_join(threads[i], NULL);
  return unused;
}

static char* job(void* unused, int number) {
  (void)unused;
  SSL* ssl;
  char text[50], *large = calloc(1, kLarge + 1);
  BIO* bio = BIO_new_ssl_connect(client_context);
  BIO_set_conn_hostname(bio, address);
  BIO_get_ssl(bio, &ssl);
  check(SSL_set1_host(ssl, "localhost"), "name to verify");
  check(BIO_do_connect(bio), "connect");
  const int length = snprintf(text, sizeof text, "number %d", number);
  check(BIO_write(bio, text, length), "write");
  check(BIO_read(bio, text, length) == length, "read");
  for (int done = 0, more; done < kLarge; done += more)
    check(more = BIO_read(bio, large + done, kLarge - done), "large");
  check_large(large, kLarge);
  char* result = line("%.*s, %s", length, text, SSL_get_version(ssl));
  BIO_free_all(bio);
  free(large);
  return result;
}

int main(int count, char** words) {
  pthread_t server;
  setting = setting_of(count, words);
  server_context = SSL_CTX_new(TLS_server_method());
  client_context = SSL_CTX_new(TLS_client_method());
  check_path(SSL_CTX_use_certificate_chain_file, server_context, "server.pem");
  check_path(use_key, server_context, "server.key");
  check_path(SSL_CTX_load_verify_file, client_context, "authority.pem");
  SSL_CTX_set_verify(client_context, SSL_VERIFY_PEER, NULL);
  listener = BIO_new_accept("127.0.0.1:0");
  check(BIO_do_accept(listener), "listen");
  snprintf(address, sizeof address, "127.0.0.1:%s", BIO_get_accept_port(listener));
  if (pthread_create(&server, NULL, listen_for_jobs, NULL) != 0) errx(1, "no thread");
  pool_run(&(struct Pool){NULL, job, NULL, NULL}, setting);
  pthread_join(server, NULL);
  BIO_free_all(listener);
  SSL_CTX_free(client_context);
  SSL_CTX_free(server_context);
}
