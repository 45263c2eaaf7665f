// hub/core/closing.h: those who wait for a descriptor's number against those who close it.
//
// One number; a hub with two greenlets that wait for it (its driver does all of theirs, so it is one process); a solo
// greenlet (poll_solo in solo.cpp); CLOSERS closers; somebody who opens a file and gets the number.
// All writes to the shared words are locked instructions, so steps in sequence are what x86-TSO does. Left out: a
// number's directions; a closer that is solo itself; where the closer parks while its errand is run.
//
// Checked: who waits for a file is woken by that file alone; and when nothing moves any more nobody waits for a file
// that is not the number's any more. Files that are open have events all the time.
#ifndef CLOSERS
#define CLOSERS 1
#endif

byte file = 1;    // what the number means; 0: nothing
byte newest = 1;  // file

// The word in closing.cpp
bool watched;     // the hub's bit
byte closing;     // the mark; COUNT_CLOSERS: how many close
#ifdef COUNT_CLOSERS
#define MARK closing++
#define UNMARK closing--
#else
#define MARK closing = 1
#define UNMARK closing = 0
#endif

// The hub: Descriptors, and the loop
byte errands;          // bit mask of closers
bool errand_done[CLOSERS];
mtype = { wants, waits, done };
mtype waiter[2];
byte began[2];         // which file it waits for
bool started;          // FdWatcher
byte registered;       // which file epoll knows under the number; 255: not asked yet

// The solo greenlet
bool locked, listed;   // Waits
byte wait_count;
mtype = { awake, polling, interrupted };
mtype parking = awake;
bool solo_done;

inline interrupt_all() {
  if :: waiter[0] == waits -> waiter[0] = wants :: else fi;
  if :: waiter[1] == waits -> waiter[1] = wants :: else fi;
  started = false;
  registered = 0
}

inline event(w) {
  assert(began[w] == file); // not the next owner's
  waiter[w] = done
}

proctype Hub() {
  byte w;
  bool may;
end_of_all:
  do
  :: atomic { waiter[0] == wants -> w = 0 } goto add
  :: atomic { waiter[1] == wants -> w = 1 } goto add
  :: atomic { started && registered == 255 -> // libev asks the kernel
      if :: file == 0 -> interrupt_all() :: else -> registered = file fi }
  :: atomic { started && registered == file && file != 0 -> // Side::on_event
      if
      :: waiter[0] == waits -> event(0)
      :: waiter[1] == waits -> event(1)
      :: waiter[0] != waits && waiter[1] != waits -> started = false; registered = 0
      fi }
  :: atomic { errands & 1 -> interrupt_all() } // Hub::run_errands, Descriptors::forget
    watched = false; // unwatch
    atomic { errands = errands & ~1; errand_done[0] = true }
#if CLOSERS > 1
  :: atomic { errands & 2 -> interrupt_all() }
    watched = false;
    atomic { errands = errands & ~2; errand_done[1] = true }
#endif
  od;
add: // the greenlet tries its call, then Descriptors::add, watch()
  atomic {
    if
    :: file == 0 -> waiter[w] = done; w = 0; goto end_of_all // EBADF
    :: else -> may = (closing == 0)
    fi
  }
  if
  :: !watched -> atomic { watched = true; may = (closing == 0) } // fetch_or
  :: watched -> atomic { may = (closing == 0) }                  // the load
  fi;
#ifdef WATCH_IGNORES_MARK
  may = true;
#endif
  atomic {
    if
    :: may && (started || file != 0) -> // fcntl says that it is open
      waiter[w] = waits;
      began[w] = file;
      if :: !started -> started = true; registered = 255 :: else fi
    :: else // sleeps a little, and looks again
    fi;
    may = false;
    w = 0;
    goto end_of_all
  }
}

proctype Solo() {
  byte first, polled;
  bool marked;
  do // poll_with
  :: atomic { file == 0 -> break }
  :: file != 0 ->
    atomic { !locked -> listed = true }
#ifdef COUNT_AFTER_LOOK
    atomic { marked = (closing != 0); first = file }
    wait_count++;
#else
    wait_count++;
    atomic { marked = (closing != 0); first = file }
#endif
    if
    :: !marked ->
      atomic { if :: parking == awake -> parking = polling :: else fi }
      if
      :: parking == polling ->
        polled = file; // ppoll begins
        if // first == 0: the number was free when it began
        :: parking != polling // the kick
        :: atomic { polled == 0 || polled == file -> // POLLNVAL, or an event
            if
            :: parking == polling && polled != 0 -> assert(first == polled || first == 0); solo_done = true
            :: else
            fi }
        fi;
        atomic { if :: parking == polling -> parking = awake :: else fi } // give_up
      :: else
      fi
    :: else
    fi;
    wait_count--;
    atomic { !locked -> listed = false; parking = awake; marked = false; first = 0; polled = 0 }
    if :: solo_done -> break :: else fi
  od;
  solo_done = true
}

proctype Closer(byte me) {
  bool watchers, solos;
#ifdef LOOK_BEFORE_MARK
  solos = (wait_count != 0);
  atomic { watchers = watched; MARK }
#else
  atomic { watchers = watched; MARK } // fetch_or
  solos = (wait_count != 0);          // any_solo_waits
#endif
  if
  :: watchers || solos -> // interrupt_solo_waits
    atomic { !locked -> locked = true }
    atomic { if :: listed -> parking = interrupted :: else fi; locked = false }
  :: else
  fi;
  if
  :: watchers -> // Hub::forget
    errands = errands | (1 << me);
#ifndef CLOSE_WITHOUT_ANSWER
    errand_done[me]
#endif
  :: else
  fi;
  atomic { if :: file = 0 :: newest++; file = newest fi } // close(2) or dup2(2)
  UNMARK
}

proctype Opener() {
end_of_all:
  atomic { file == 0 -> newest++; file = newest }
}

proctype AtTheEnd() {
  timeout -> assert(waiter[0] == done && waiter[1] == done && solo_done)
}

init {
  atomic {
    waiter[0] = wants;
    waiter[1] = wants;
    run Hub();
    run Solo();
    run Closer(0);
#if CLOSERS > 1
    run Closer(1);
#endif
    run Opener();
    run AtTheEnd()
  }
}
