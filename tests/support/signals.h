// For the cases about signals: a handler that writes down what it saw, and threads that do what they are asked.
#pragma once

#include <semaphore.h>
#include <signal.h>

#include "tests/support/case.h"

struct Seen {
  int number, code, value;
  pid_t pid;
  uid_t uid;
  pthread_t thread;
};

// Handles the signal by writing down what came, with no more blocked than the signal itself; handle_alone() with all
// blocked, so that one handler runs after the other. `flags` are SA_RESTART and the like.
void handle(int number, int flags);
void handle_alone(int number, int flags);
void handle_with(int number, int flags, void (*handler)(int, siginfo_t*, void*));
void see(int number, siginfo_t* information, void* context);  // that handler

void forget_seen(void);
int seen_count(void);
struct Seen seen_at(int index);
void await_seen(int count);
bool saw_once(int number, pthread_t thread);       // that signal, in that thread, and nothing else
void await_seen_in(int number, pthread_t thread);  // waits for the first one, and checks that it is this

sigset_t set_of(int number);
void block(int number);
void unblock(int number);
bool is_blocked(int number);
bool is_pending(int number);

// A thread that waits in sem_wait until it is asked. It has the mask of who hires it.
struct Servant {
  pthread_t thread;
  sem_t asked, done;
  void (*task)(void*);
  void* argument;
};

void hire(struct Servant* servant);
void request(struct Servant* servant, void (*task)(void*), void* argument);  // task() runs there
void await_done(struct Servant* servant);
void ask(struct Servant* servant, void (*task)(void*), void* argument);  // both
void dismiss(struct Servant* servant);

// Sends the signal again and again, since one that comes before the thread has blocked does not end the call that it
// is about to make.
void signal_until(int* flag, pthread_t thread, int number);

// How a child ends that runs body(), as wait(2) says; exit status 0 where body() returns.
int status_of(void (*body)(void));
