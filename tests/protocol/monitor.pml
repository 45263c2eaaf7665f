// The monitor's sleep (hub/core/monitor.cpp) against hubs that begin to work (Hub::look).
//
// The order of a store and a later load of the same thread matters here, so plain stores go through a store buffer, as
// on x86-TSO: buffer[h] holds what hub h's driver has stored to its turn_ and others do not see yet. Locked ones
// (exchange, compare-exchange, a seq_cst store) wait until the buffer is empty. `asleep` is only written by these.
// Left out: how the monitor looks at a run, and its clock: it may go to sleep whenever it saw all hubs poll.
//
// Checked: a greenlet that does not come back is looked at, whatever the monitor was doing; else this ends in a state
// that is no valid end.
#define HUBS 2
#define ROUNDS 2

mtype = { polling, runtime, user };
mtype turn[HUBS];
chan buffer[HUBS] = [2] of { mtype };
bool asleep, futex_wakes, in_futex;
bool looked_at[HUBS]; // since its turn began
chan monitor_buffer = [1] of { bool };

proctype Buffer(byte h) {
end_of_all:
  do
  :: atomic { buffer[h] ? turn[h] }
  od
}

proctype MonitorBuffer() {
end_of_all:
  do
  :: atomic { monitor_buffer ? asleep }
  od
}

inline wake_monitor() {
  if
  :: asleep ->
    atomic { empty(buffer[h]) -> asleep = false }
    futex_wakes = in_futex // FUTEX_WAKE
  :: !asleep // a relaxed load
  fi
}

proctype Driver(byte h) {
  byte round;
  do
  :: round < ROUNDS ->
    round++;
    buffer[h] ! polling;
    // Loop::poll: anything ends it at any time
#ifdef STORE_INSTEAD_OF_EXCHANGE
    buffer[h] ! runtime;
#else
    atomic { empty(buffer[h]) -> turn[h] = runtime } // exchange
#endif
#ifndef NO_WAKE
    wake_monitor();
#endif
    looked_at[h] = false;
    buffer[h] ! user; // begin_turn
    if
    :: true -> looked_at[h] // a greenlet that does not come back: only the monitor ends this
    :: true                 // one that parks soon
    fi;
    atomic { empty(buffer[h]) -> turn[h] = runtime } // enter_hub, or the re-take: compare-exchange
  :: else -> break
  od;
  buffer[h] ! polling
}

proctype Monitor() {
  bool busy, first, second;
end_of_all:
  do
  :: true -> // look_at()
    busy = (turn[0] != polling);
    if :: turn[0] == user -> looked_at[0] = true :: else fi;
    busy = busy || (turn[1] != polling);
    if :: turn[1] == user -> looked_at[1] = true :: else fi;
    if
    :: busy -> busy = false
    :: else -> // sleep_until_woken()
#ifdef MARK_BY_PLAIN_STORE
      monitor_buffer ! true;
#else
      asleep = true;
#endif
#ifdef NO_SECOND_LOOK
      first = true; second = true;
#else
      first = (turn[0] == polling);
      second = (turn[1] == polling);
#endif
      if
      :: first && second ->
        atomic { // FUTEX_WAIT compares first
          empty(monitor_buffer) ->
          if :: asleep -> in_futex = true :: else fi
        }
        if
        :: in_futex ->
end_asleep:
          atomic { futex_wakes -> futex_wakes = false; in_futex = false }
        :: else
        fi
      :: else
      fi;
      atomic { empty(monitor_buffer) -> asleep = false; first = false; second = false }
    fi
  od
}

init {
  atomic {
    turn[0] = polling;
    turn[1] = polling;
    run Driver(0); run Driver(1);
    run Buffer(0); run Buffer(1);
    run MonitorBuffer();
    run Monitor()
  }
}
