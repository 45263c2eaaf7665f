// Sockets that another process has too: a child.
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "tests/support/case.h"
#include "tests/support/sockets.h"

enum { kConnections = 300, kProcesses = 3, kAcceptors = 2 };

struct Shared {
  int ready, done, saw_the_flag;
};

static struct Shared* shared_memory(void) {
  struct Shared* shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(shared != MAP_FAILED);
  return shared;
}

static pid_t forked(void) {
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(20);
  }
  return child;
}

static void end(pid_t child) {
  int status = -1;
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK_EQ(status, 0);
}

static pid_t watch_the_flag(int fd, struct Shared* shared) {
  pid_t child = forked();
  if (child != 0) {
    await_flag(&shared->ready);
    return child;
  }
  set_flag(&shared->ready);
  while (!is_set(&shared->done))
    if (fcntl(fd, F_GETFL) & O_NONBLOCK) shared->saw_the_flag = 1;
  _exit(0);
}

struct Server {
  int listener, fd;
  struct sockaddr_in address;
};

static void* accept_and_close(void* argument) {
  for (int i = 0; i < kConnections; i++) {
    int fd = accept(((struct Server*)argument)->listener, NULL, NULL);
    CHECK(fd >= 0);
    close(fd);
  }
  return NULL;
}

CASE(nobody_sees_the_flag_of_a_connect) {
  struct Server server;
  struct sockaddr none = {.sa_family = AF_UNSPEC};
  struct Shared* shared = shared_memory();
  server.listener = tcp_listener(kConnections, &server.address);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  pid_t child = watch_the_flag(fd, shared);
  pthread_t acceptor = start(accept_and_close, &server);
  for (int i = 0; i < kConnections; i++) {
    CHECK_EQ(connect(fd, (struct sockaddr*)&server.address, sizeof server.address), 0);
    CHECK_EQ(connect(fd, &none, sizeof none), 0);
  }
  join(acceptor);
  set_flag(&shared->done);
  end(child);
  CHECK(!shared->saw_the_flag);
  munmap(shared, 4096);
  close(fd);
  close(server.listener);
}

static void connect_shared(void* argument) {
  struct Server* server = argument;
  char byte;
  CHECK_EQ(connect(server->fd, (struct sockaddr*)&server->address, sizeof server->address), 0);
  CHECK_EQ(read(server->fd, &byte, 1), 0);
}

static void* accept_two(void* argument) {
  await_entered(1);
  for (int i = 0; i < 2; i++) {
    int fd = accept(((struct Server*)argument)->listener, NULL, NULL);
    CHECK(fd >= 0);
    close(fd);
  }
  return NULL;
}

static pid_t sleeping_child(void) {
  pid_t child = forked();
  if (child == 0)
    for (;;) pause();
  return child;
}

static void end_sleeping(pid_t child) {
  CHECK_EQ(kill(child, SIGKILL), 0);
  CHECK_EQ(waitpid(child, NULL, 0), child);
}

static void wait_to_connect(void* argument) {
  struct Server* server = argument;
  int first = tcp_connected(&server->address);  // fills the backlog
  server->fd = socket(AF_INET, SOCK_STREAM, 0);
  pid_t child = sleeping_child();
  entering();
  connect_shared(server);
  end_sleeping(child);
  close(server->fd);
  close(first);
}

CASE(connect_of_a_shared_socket_waits) {
  struct Server server;
  server.listener = tcp_listener(0, &server.address);
  pthread_t acceptor = start(accept_two, &server);
  wait_to_connect(&server);
  join(acceptor);
  close(server.listener);
}

static void read_byte(void* ends) {
  char byte = 0;
  CHECK_EQ(read(((int*)ends)[kReadEnd], &byte, 1), 1);
}

static void write_byte(void* ends) { CHECK_EQ(write(((int*)ends)[kWriteEnd], "x", 1), 1); }

CASE(another_process_clears_the_flag) {
  int ends[2];
  char byte;
  open_pair(SOCK_STREAM, ends);
  set_nonblocking(ends[kReadEnd], 1);
  CHECK_FAILS(recv(ends[kReadEnd], &byte, 1, 0), EAGAIN);
  CHECK_FAILS(read(ends[kReadEnd], &byte, 1), EAGAIN);
  pid_t child = forked();
  if (child == 0) {
    set_nonblocking(ends[kReadEnd], 0);
    _exit(0);
  }
  end(child);
  meet(read_byte, write_byte, ends);
  close_both(ends);
}

static void set_flag_by_spawn(char* const* command) {
  pid_t child;
  CHECK_EQ(posix_spawn(&child, command[0], NULL, NULL, command, environ), 0);
  end(child);
}

static void set_flag_by_spawnp(char* const* command) {
  pid_t child;
  CHECK_EQ(posix_spawnp(&child, command[0], NULL, NULL, command, environ), 0);
  end(child);
}

static void set_flag_by_vfork(char* const* command) {
  pid_t child = vfork();
  if (child == 0) {
    execve(command[0], command, environ);
    _exit(127);
  }
  end(child);
}

static void set_flag_by_system(char* const* command) {
  char text[1000];
  snprintf(text, sizeof text, "%s -c '%s'", command[0], command[2]);
  CHECK_EQ(system(text), 0);
}

static void set_flag_by_popen(char* const* command) {
  char text[1000];
  snprintf(text, sizeof text, "%s -c '%s'", command[0], command[2]);
  CHECK_EQ(pclose(popen(text, "w")), 0);
}

static void* nothing(void* argument) { return argument; }

// Another program makes our socket non-blocking.
static void check_flag_is_seen(void (*set_flag_by)(char* const* command)) {
  int ends[2];
  char byte, program[] = "/usr/bin/python3", option[] = "-c", text[100];
  join(start(nothing, NULL));  // from now on there is a hub
  open_pair(SOCK_STREAM, ends);
  write_byte(ends);
  read_byte(ends);  // by now the flag is known to be clear
  snprintf(text, sizeof text, "import os; os.set_blocking(%d, False)", ends[kReadEnd]);
  set_flag_by((char*[]){program, option, text, NULL});
  CHECK_FAILS(read(ends[kReadEnd], &byte, 1), EAGAIN);
  close_both(ends);
}

CASE(posix_spawn) { check_flag_is_seen(set_flag_by_spawn); }
CASE(posix_spawnp) { check_flag_is_seen(set_flag_by_spawnp); }
CASE(vfork) { check_flag_is_seen(set_flag_by_vfork); }
CASE(flag_set_by_system) { check_flag_is_seen(set_flag_by_system); }
CASE(flag_set_by_popen) { check_flag_is_seen(set_flag_by_popen); }

static int listener;

static void* serve(void* argument) {
  (void)argument;
  for (;;) {
    char byte;
    int fd = accept(listener, NULL, NULL);
    CHECK(fd >= 0);
    read_exactly(fd, &byte, 1);
    if (byte == 'q') _exit(0);
    CHECK_EQ(write(fd, &byte, 1), 1);
    close(fd);
  }
}

// Each connection is served by one of them.
CASE(several_processes_accept_on_one_socket) {
  struct sockaddr_in address;
  pid_t children[kProcesses];
  char answer;
  listener = tcp_listener(50, &address);
  for (int i = 0; i < kProcesses; i++) {
    children[i] = forked();
    if (children[i] != 0) continue;
    pthread_t threads[kAcceptors];
    for (int k = 0; k < kAcceptors; k++) threads[k] = start(serve, NULL);
    join_all(threads, kAcceptors);
  }
  for (int i = 0; i < kConnections; i++) {
    int fd = tcp_connected(&address);
    CHECK_EQ(write(fd, "x", 1), 1);
    read_exactly(fd, &answer, 1);
    close(fd);
  }
  for (int i = 0; i < kProcesses; i++) {
    int fd = tcp_connected(&address);
    CHECK_EQ(write(fd, "q", 1), 1);
    CHECK_EQ(read(fd, &answer, 1), 0);
    close(fd);
  }
  for (int i = 0; i < kProcesses; i++) end(children[i]);
  close(listener);
}
